package foreign

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/process"
)

const keycloakVersion = "26.7.3"

// Keycloak fetches Keycloak once and starts it with the realm and the client of the guide.
// Its sessions are in a file.
func Keycloak(t testing.TB, o Options) *Server {
	t.Helper()
	need(t, "java", "Keycloak needs Java 17 or later; on Debian: apt-get install openjdk-17-jre-headless maven")
	mvn := need(t, "mvn", "Maven fetches Keycloak; on Debian: apt-get install maven")
	archive := filepath.Join(cache(t, "keycloak"), "keycloak-quarkus-dist-"+keycloakVersion+".tar.gz")
	if !exists(archive) {
		do(t, filepath.Dir(archive), nil, mvn, "-q", "-B",
			"org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy",
			"-Dartifact=org.keycloak:keycloak-quarkus-dist:"+keycloakVersion+":tar.gz",
			"-DoutputDirectory="+filepath.Dir(archive))
	}
	dir := t.TempDir()
	do(t, dir, nil, "tar", "xzf", archive)
	addr, management := process.FreeAddr(t), process.FreeAddr(t)
	base := "http://" + addr
	s := &Server{Issuer: base + "/realms/staff", Version: keycloakVersion, Field: "username"}
	kc := run(t, s, base+"/realms/master/.well-known/openid-configuration", &command{
		path: filepath.Join(dir, "keycloak-"+keycloakVersion, "bin", "kc.sh"),
		args: []string{"start-dev", "--http-host=127.0.0.1", "--http-port=" + port(addr), "--http-management-port=" +
			port(management)},
		env: []string{"KC_BOOTSTRAP_ADMIN_USERNAME=admin", "KC_BOOTSTRAP_ADMIN_PASSWORD=" + password,
			"JAVA_OPTS=-Xms200m -Xmx700m -XX:TieredStopAtLevel=1 -Djava.net.preferIPv4Stack=true"}})
	a := &keycloakAdmin{t: t, base: base}
	a.setUp(o)
	s.LogOut = s.Issuer + "/protocol/openid-connect/logout"
	s.LongWindow = func() error { // its start can take longer than the lane's W
		return a.send(http.MethodPut, "/admin/realms/staff", map[string]any{"ssoSessionIdleTimeout": 1800})
	}
	s.Restart = func() {
		kc.stop()
		kc.start(s, s.Issuer+"/.well-known/openid-configuration")
	}
	s.RotateKeys = func() error {
		return a.post("/admin/realms/staff/components", map[string]any{"name": "newer", "providerId": "rsa-generated",
			"providerType": "org.keycloak.keys.KeyProvider",
			"config": map[string][]string{"priority": {"200"}, "enabled": {"true"}, "active": {"true"},
				"algorithm": {"RS256"}}})
	}
	return s
}

func port(addr string) string { return addr[strings.LastIndex(addr, ":")+1:] }

type keycloakAdmin struct {
	t    testing.TB
	base string
}

var fencedJSON = regexp.MustCompile("(?ms)^```json\n(.*?)^```$")

// setUp makes the realm and the clients of the guide, with W and the addresses of the lane.
func (a *keycloakAdmin) setUp(o Options) {
	a.t.Helper()
	text, err := os.ReadFile(folder(a.t, "../../../docs/idp/keycloak.md"))
	if err != nil {
		a.t.Fatal(err)
	}
	found := fencedJSON.FindAllStringSubmatch(string(text), -1)
	if len(found) != 2 {
		a.t.Fatalf("docs/idp/keycloak.md has %d blocks of JSON, want the realm and the client", len(found))
	}
	realm := map[string]any{}
	if err := json.Unmarshal([]byte(found[0][1]), &realm); err != nil {
		a.t.Fatal(err)
	}
	realm["realm"], realm["enabled"], realm["ssoSessionIdleTimeout"] = "staff", true, int(o.Window.Seconds())
	var people []any
	for n := range People {
		people = append(people, map[string]any{"username": Name(n), "enabled": true, "email": Name(n) + "@example.com",
			"emailVerified": true,
			"firstName":     "Ada", "lastName": "L",
			"credentials": []any{map[string]any{"type": "password", "value": password}}})
	}
	realm["users"] = people
	if err := a.post("/admin/realms", realm); err != nil {
		a.t.Fatal(err)
	}
	// The API that the guide's audience mapper names.
	if err := a.post("/admin/realms/staff/clients",
		map[string]any{"clientId": "notes-api", "bearerOnly": true}); err != nil {
		a.t.Fatal(err)
	}
	for _, c := range o.Clients {
		client := map[string]any{}
		if err := json.Unmarshal([]byte(strings.ReplaceAll(found[1][1], "https://notes.example.com", c.Base)),
			&client); err != nil {
			a.t.Fatal(err)
		}
		client["clientId"], client["secret"] = c.ID, c.Secret()
		attributes := client["attributes"].(map[string]any)
		if c.AccessToken > 0 {
			attributes["access.token.lifespan"] = seconds(c.AccessToken)
		}
		if c.Watches {
			delete(attributes, "backchannel.logout.url")
			client["webOrigins"] = []string{"+"}
		}
		if err := a.post("/admin/realms/staff/clients", client); err != nil {
			a.t.Fatal(err)
		}
	}
}

func (a *keycloakAdmin) post(path string, body any) error { return a.send(http.MethodPost, path, body) }

// send calls the admin REST API.
func (a *keycloakAdmin) send(method, path string, body any) error {
	ctx, cancel := context.WithTimeout(context.Background(), slowStart) // it hashes the passwords of all people
	defer cancel()
	form := url.Values{"grant_type": {"password"}, "client_id": {"admin-cli"}, "username": {"admin"},
		"password": {password}}
	status, text, err := call(ctx, http.MethodPost, a.base+"/realms/master/protocol/openid-connect/token",
		"application/x-www-form-urlencoded", strings.NewReader(form.Encode()), nil)
	if err != nil {
		return err
	}
	var token struct {
		Value string `json:"access_token"`
	}
	if err := json.Unmarshal(text, &token); err != nil || token.Value == "" {
		return fmt.Errorf("Keycloak gives its administrator no token: %d", status)
	}
	b, err := json.Marshal(body)
	if err != nil {
		return err
	}
	status, text, err = call(ctx, method, a.base+path, "application/json", bytes.NewReader(b),
		http.Header{"Authorization": {"Bearer " + token.Value}})
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("%s %s: %d %.500s", method, path, status, text)
	}
	return err
}
