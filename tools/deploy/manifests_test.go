// Package deploy holds the manifests of docs/deploy against the types and schemas of those
// who read them. It is here because the library's go.mod must not have their modules.
package deploy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	k8syaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

const manifests = "../../docs/deploy"

// cluster is what kubernetes.yaml asks for.
type cluster struct {
	deployment appsv1.Deployment
	budget     policyv1.PodDisruptionBudget
	service    corev1.Service
	ingress    networkingv1.Ingress
}

// decode reads all documents: an unknown or doubled field and an unknown kind are errors.
func decode(text []byte) (c cluster, err error) {
	into := map[string]any{"apps/v1 Deployment": &c.deployment, "policy/v1 PodDisruptionBudget": &c.budget,
		"v1 Service": &c.service, "networking.k8s.io/v1 Ingress": &c.ingress}
	documents := k8syaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(text)))
	for {
		document, err := documents.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return c, err
		}
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal(document, &kind); err != nil {
			return c, err
		}
		name := kind.APIVersion + " " + kind.Kind
		if into[name] == nil {
			return c, errors.New("unknown or twice: " + name)
		}
		if err := yaml.UnmarshalStrict(document, into[name]); err != nil {
			return c, err
		}
		delete(into, name)
	}
	if len(into) > 0 {
		return c, errors.New("something is missing")
	}
	return c, nil
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestKubernetes(t *testing.T) {
	text := read(t, filepath.Join(manifests, "kubernetes.yaml"))
	c, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	for wrong, right := range map[string]string{"replica: 2": "replicas: 2", "kind: Deploymint": "kind: Deployment",
		"replicas: two": "replicas: 2"} {
		if _, err := decode(bytes.Replace(text, []byte(right), []byte(wrong), 1)); err == nil {
			t.Errorf("%s is accepted", wrong)
		}
	}

	pod := c.deployment.Spec.Template
	if len(pod.Spec.Containers) != 1 {
		t.Fatal("one container is expected")
	}
	app := pod.Spec.Containers[0]
	if n := c.deployment.Spec.Replicas; n == nil || *n != 2 {
		t.Errorf("replicas: %v", n)
	}
	if u := c.deployment.Spec.Strategy.RollingUpdate; u == nil || *u.MaxUnavailable != intstr.FromInt32(0) {
		t.Errorf("an update takes instances away before others serve: %v", u)
	}
	// What is selected is what there is.
	for what, selector := range map[string]*metav1.LabelSelector{"Deployment": c.deployment.Spec.Selector,
		"budget":  c.budget.Spec.Selector,
		"spread":  pod.Spec.TopologySpreadConstraints[0].LabelSelector,
		"Service": {MatchLabels: c.service.Spec.Selector}} {
		s, err := metav1.LabelSelectorAsSelector(selector)
		if err != nil || s.Empty() || !s.Matches(labels.Set(pod.Labels)) {
			t.Errorf("%s selects no pod of ours: %v, %v", what, s, err)
		}
	}
	port := app.Ports[0]
	if p := c.service.Spec.Ports[0]; p.TargetPort.StrVal != port.Name {
		t.Errorf("the Service leads to %v", p.TargetPort)
	}
	if b := c.ingress.Spec.Rules[0].HTTP.Paths[0].Backend.Service; b.Name != c.service.Name ||
		b.Port.Name != c.service.Spec.Ports[0].Name {
		t.Errorf("the Ingress leads to %v", b)
	}
	// Readiness asks the store; the others must not, or an outage restarts everything.
	for path, probe := range map[string]*corev1.Probe{"/readyz": app.ReadinessProbe, "/healthz": app.LivenessProbe} {
		if probe == nil || probe.HTTPGet == nil || probe.HTTPGet.Path != path ||
			probe.HTTPGet.Port.StrVal != port.Name ||
			probe.TimeoutSeconds < 2 {
			t.Errorf("probe of %s: %v", path, probe)
		}
	}
	if app.StartupProbe == nil || app.StartupProbe.HTTPGet.Path != "/healthz" {
		t.Errorf("startup: %v", app.StartupProbe)
	}
	// preStop, Shutdown of the demo (3 s), Close of the library (15 s), and some air.
	stop := app.Lifecycle.PreStop.Sleep
	if grace := pod.Spec.TerminationGracePeriodSeconds; stop == nil || stop.Seconds < 5 || grace == nil ||
		*grace < stop.Seconds+30 {
		t.Errorf("preStop %v, grace %v", stop, grace)
	}
	if app.LivenessProbe.PeriodSeconds*app.LivenessProbe.FailureThreshold < 30 {
		t.Error("a busy instance is restarted too soon")
	}
	var variables []string
	for _, v := range app.Env {
		if v.ValueFrom == nil || v.ValueFrom.SecretKeyRef == nil {
			t.Errorf("%s is no secret's", v.Name)
		}
		variables = append(variables, v.Name)
	}
	understood(t, app.Args, variables)
}

func TestCompose(t *testing.T) {
	load := func(change func([]byte) []byte, env map[string]string) (*types.Project, error) {
		path := filepath.Join(manifests, "compose.yaml")
		dir, err := filepath.Abs(manifests)
		if err != nil {
			t.Fatal(err)
		}
		return loader.LoadWithContext(context.Background(), types.ConfigDetails{WorkingDir: dir, Environment: env,
			ConfigFiles: []types.ConfigFile{{Filename: path, Content: change(read(t, path))}}})
	}
	same := func(b []byte) []byte { return b }
	env := map[string]string{"ISSUER": "https://login.example.com", "CLIENT_SECRET": "s", "SEAL_KEY": "k",
		"REDIS_PASSWORD": "p"}
	project, err := load(same, env)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := load(func(b []byte) []byte { return bytes.Replace(b, []byte("read_only:"), []byte("readonly:"), 1) },
		env); err == nil {
		t.Error("an unknown field is accepted")
	}
	if _, err := load(same, map[string]string{}); err == nil {
		t.Error("it loads without its secrets")
	}
	for _, name := range []string{"one", "two"} {
		service, err := project.GetService(name)
		if err != nil {
			t.Fatal(err)
		}
		if service.StopGracePeriod == nil || service.StopGracePeriod.String() != "1m0s" {
			t.Errorf("%s: stop_grace_period %v", name, service.StopGracePeriod)
		}
		if _, err := os.Stat(filepath.Join(service.Build.Context, service.Build.Dockerfile)); err != nil {
			t.Error(err)
		}
		if recipe := read(t, filepath.Join(manifests, "Dockerfile")); !strings.Contains(string(recipe),
			" AS "+service.Build.Target+"\n") {
			t.Errorf("the Dockerfile has no target %s", service.Build.Target)
		}
		var variables []string
		for variable := range service.Environment {
			variables = append(variables, variable)
		}
		understood(t, service.Command, variables)
	}
	if _, err := os.Stat(project.Configs["users"].File); err != nil {
		t.Error(err)
	}
	// One rule in two files: what Caddy is told.
	caddyfile := string(read(t, filepath.Join(manifests, "Caddyfile")))
	for line := range strings.Lines(project.Configs["caddyfile"].Content) {
		if option := strings.Fields(line); len(option) == 2 && option[0] != "reverse_proxy" && option[1] != "{" &&
			!strings.Contains(caddyfile, strings.Join(option, " ")) {
			t.Errorf("the Caddyfile does not have %q", line)
		}
	}
}

var flagDefined = regexp.MustCompile(`f\.[A-Za-z0-9]+Var\(&o\.[A-Za-z]+, "([a-z-]+)"`)

// understood looks whether the demo has these flags, and twins of these variables.
func understood(t *testing.T, args, variables []string) {
	t.Helper()
	var flags []string
	for _, m := range flagDefined.FindAllSubmatch(read(t, "../../demo/program/flags.go"), -1) {
		flags = append(flags, string(m[1]))
	}
	for _, arg := range args {
		name, _, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !slices.Contains(flags, name) {
			t.Errorf("the demo has no flag %s", arg)
		}
	}
	for _, v := range variables {
		name := strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(v, "TANDEM_")), "_", "-")
		if !slices.Contains(flags, name) {
			t.Errorf("the demo does not read %s", v)
		}
	}
	if len(args) < 5 || len(variables) < 3 {
		t.Errorf("too little is given: %v, %v", args, variables)
	}
}
