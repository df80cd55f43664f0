package deploy

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// image is what a target of the Dockerfile makes: a root directory and how it is run.
type image struct {
	root  string
	entry []string
	check []string // HEALTHCHECK
	env   []string
	user  string
}

// recipe carries out the Dockerfile without an engine, as far as it goes: FROM, COPY --from,
// ENV, RUN, USER, ENTRYPOINT, HEALTHCHECK. Its build stage runs here instead of in its image.
func recipe(t *testing.T, target string) image {
	t.Helper()
	out, img := t.TempDir(), image{root: t.TempDir()}
	if err := os.Chmod(img.root, 0o755); err != nil {
		t.Fatal(err)
	}
	var stages [][]string
	byName := map[string]int{}
	for line := range strings.Lines(document(t, "Dockerfile")) {
		words := strings.Fields(line)
		if len(words) == 0 || words[0][0] == '#' {
			continue
		}
		if words[0] == "FROM" {
			if len(words) != 4 || words[2] != "AS" {
				t.Fatalf("a stage without a name: %s", line)
			}
			byName[words[3]] = len(stages)
			stages = append(stages, nil)
		}
		stages[len(stages)-1] = append(stages[len(stages)-1], strings.TrimSpace(line))
	}
	var carryOut func(name string)
	carryOut = func(name string) {
		i, ok := byName[name]
		if !ok {
			t.Fatalf("the Dockerfile has no stage %s", name)
		}
		env := os.Environ()
		for _, line := range stages[i] {
			word, rest, _ := strings.Cut(line, " ")
			switch {
			case word == "FROM" && strings.HasPrefix(rest, "scratch "), word == "FROM" &&
				strings.HasPrefix(rest, "golang:"):
			case word == "FROM":
				carryOut(strings.Fields(rest)[0])
			case word == "WORKDIR", line == "COPY . .": // this folder
			case word == "ENV" && name != "build":
				img.env = append(img.env, rest)
			case word == "ENV":
				env = append(env, strings.Split(strings.ReplaceAll(strings.ReplaceAll(rest, `"`, ""), " GOFLAGS",
					"\x00GOFLAGS"), "\x00")...)
			case word == "RUN":
				cmd := exec.Command("sh", "-c", strings.ReplaceAll(rest, "/out/", out+"/"))
				cmd.Dir, cmd.Env = root, env
				if said, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("%s: %v\n%s", line, err, said)
				}
			case word == "COPY" && strings.HasPrefix(rest, "--from=build "):
				paths := strings.Fields(rest)[1:]
				from := strings.Replace(paths[0], "/out/", out+"/", 1)
				b, err := os.ReadFile(from)
				if err != nil {
					t.Fatalf("%v (Debian: apt-get install ca-certificates)", err)
				}
				to := filepath.Join(img.root, paths[1])
				if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(to, b, 0o755); err != nil {
					t.Fatal(err)
				}
			case word == "USER":
				img.user = rest
			case word == "ENTRYPOINT":
				if err := json.Unmarshal([]byte(rest), &img.entry); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
			case word == "HEALTHCHECK":
				_, check, _ := strings.Cut(rest, "CMD ")
				if err := json.Unmarshal([]byte(check), &img.check); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
			default:
				t.Fatalf("the test does not know %s", line)
			}
		}
	}
	carryOut("build")
	carryOut(target)
	return img
}

// command runs the image: nothing but its files is to be seen, and its user is nobody's.
func (img image) command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	if img.user != "65532:65532" {
		t.Errorf("it runs as %q", img.user)
	}
	cmd := exec.Command(img.entry[0], append(img.entry[1:], args...)...)
	cmd.Env, cmd.Dir = append([]string{}, img.env...), "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: img.root}
	if os.Geteuid() == 0 {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65532, Gid: 65532}
	} else { // who is not root may chroot in a namespace of his own
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 65532, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 65532, HostID: os.Getgid(), Size: 1}}
	}
	return cmd
}

// Both images run from nothing but their own files: no shell, no libc, no other user, a
// root that cannot be written to. The roots of TLS are where Go looks for them.
func TestImages(t *testing.T) {
	long(t)
	t.Run("idp-mock", func(t *testing.T) {
		img, addr := recipe(t, "idp-mock"), process.FreeAddr(t)
		if !slices.Equal(img.env, []string{"IDP_MOCK_LISTEN=0.0.0.0:9000"}) {
			t.Errorf("environment %v", img.env)
		}
		_, port, _ := net.SplitHostPort(addr)
		img.env = []string{"IDP_MOCK_LISTEN=0.0.0.0:" + port} // another one here: this machine is not its own
		serve(t, addr, img.command(t, "-issuer", "http://"+addr, "-client", "notes,s3cret,http://notes.localhost:9101"))
		healthy := img
		healthy.entry = img.check
		if out, err := healthy.command(t).CombinedOutput(); err != nil {
			t.Errorf("%v: %v\n%s", img.check, err, out)
		}
		resp, err := http.Get("http://" + addr + "/.well-known/openid-configuration")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Error(resp.Status)
		}
	})
	t.Run("demo", func(t *testing.T) {
		img, addr := recipe(t, "demo"), process.FreeAddr(t)
		c := newCertificates(t)
		authority, err := os.ReadFile(c.file("ca.pem"))
		if err != nil {
			t.Fatal(err)
		}
		bundle := filepath.Join(img.root, "etc/ssl/certs/ca-certificates.crt")
		f, err := os.OpenFile(bundle, os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(authority); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
		issuer := secureIdP(t, c)
		serve(t, addr, img.command(t, "-app=refreshtoken", "-issuer="+issuer, "-client-id=notes",
			"-client-secret=s3cret",
			"-listen="+addr))
		eventually(t, "the demo serves", func() bool {
			resp, err := http.Get("http://" + addr + "/readyz")
			if err != nil {
				return false
			}
			_ = resp.Body.Close()
			return resp.StatusCode == http.StatusOK
		})
		resp, err := http.DefaultTransport.RoundTrip(httptest.NewRequestWithContext(context.Background(),
			http.MethodGet,
			"http://"+addr+"/auth/login", nil))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if to := resp.Header.Get("Location"); !strings.HasPrefix(to, issuer) {
			t.Errorf("the log-in goes to %q", to)
		}
		var files []string
		_ = filepath.WalkDir(img.root, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				files = append(files, strings.TrimPrefix(path, img.root))
			}
			return err
		})
		if want := []string{"/demo", "/etc/ssl/certs/ca-certificates.crt"}; !slices.Equal(files, want) {
			t.Errorf("in the image, after it ran: %v", files)
		}
	})
}

// secureIdP is an IdP behind TLS, whose issuer it returns.
func secureIdP(t *testing.T, c certificates) (issuer string) {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(c.file("notes.crt"), c.file("notes.key"))
	if err != nil {
		t.Fatal(err)
	}
	var idp *idpmock.IDP
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter,
		r *http.Request) {
		idp.Handler().ServeHTTP(w, r)
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	issuer = "https://" + server.Listener.Addr().String()
	idp, err = idpmock.New(idpmock.Config{Issuer: issuer, Clients: []idpmock.Client{{ID: "notes", Secret: "s3cret",
		RedirectURIs: []string{"http://127.0.0.1/auth/callback"}}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(idp.Close)
	server.StartTLS()
	t.Cleanup(server.Close)
	return issuer
}
