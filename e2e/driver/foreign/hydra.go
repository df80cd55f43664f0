package foreign

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/internal/servertest"
)

const (
	hydraVersion = "v2.3.0"
	// its go.mod has it
	hydraReplace = "github.com/gobuffalo/pop/v6=github.com/ory/pop/v6@v6.2.1-0.20241121111754-e5dfc0f3344b"
)

// Hydra builds Ory Hydra once and starts it, with a log-in app that answers as the guide
// says. Its sessions are in PostgreSQL.
func Hydra(t testing.TB, o Options) *Server {
	t.Helper()
	bin := filepath.Join(cache(t, "hydra-"+hydraVersion), "hydra")
	if !exists(bin) {
		// In a module of its own that is not kept: Hydra needs some hundred others.
		dir := t.TempDir()
		do(t, dir, nil, "go", "mod", "init", "interop/hydra")
		do(t, dir, nil, "go", "get", "-tool", "github.com/ory/hydra/v2@"+hydraVersion)
		do(t, dir, nil, "go", "mod", "edit", "-replace", hydraReplace) // a main module's replace is not inherited
		do(t, dir, nil, "go", "build", "-mod=mod", "-o", bin, "github.com/ory/hydra/v2")
	}
	db, err := servertest.StartPostgres()
	if err != nil {
		t.Fatalf("Hydra needs PostgreSQL; on Debian: apt-get install postgresql: %v", err)
	}
	t.Cleanup(db.Close)
	dir := t.TempDir()
	public, admin := process.FreeAddr(t), "http://"+process.FreeAddr(t)
	s := &Server{Issuer: "http://" + public, Version: hydraVersion, Field: "username"}
	desk := httptest.NewServer(&hydraLogin{t: t, admin: admin, window: o.Window})
	t.Cleanup(desk.Close)
	config, err := json.Marshal(map[string]any{
		"dsn":     db.URL + "&max_conns=60", // 4 on two processors: then log-ins wait for each other for ever
		"secrets": map[string]any{"system": []string{secret}},
		"log":     map[string]any{"level": "warn"},
		"serve": map[string]any{"public": map[string]any{"host": "127.0.0.1", "port": json.Number(port(public))},
			"admin":   map[string]any{"host": "127.0.0.1", "port": json.Number(port(admin))},
			"cookies": map[string]any{"same_site_mode": "Lax"}},
		"urls": map[string]any{"self": map[string]any{"issuer": s.Issuer, "public": s.Issuer},
			"login": desk.URL + "/login", "consent": desk.URL + "/consent", "logout": desk.URL + "/logout"},
	})
	file := filepath.Join(dir, "hydra.json")
	if err == nil {
		err = os.WriteFile(file, config, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	do(t, dir, nil, bin, "migrate", "sql", "-y", "-c", file, "-e")
	ready := s.Issuer + "/.well-known/openid-configuration"
	h := run(t, s, ready, &command{path: bin, args: []string{"serve", "all", "--dev", "-c", file}, dir: dir})
	// Else it makes its keys, RSA of 4096 bits, while the first people wait for their tokens.
	for _, set := range []string{"hydra.openid.id-token", "hydra.jwt.access-token"} {
		if err := hydraKey(t, admin, set); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range o.Clients {
		grants := []string{"authorization_code"}
		if c.Refresh {
			grants = append(grants, "refresh_token")
		}
		client := map[string]any{
			"client_id": c.ID, "client_secret": c.Secret(), "grant_types": grants, "response_types": []string{"code"},
			"scope": "openid profile offline_access", "token_endpoint_auth_method": "client_secret_basic",
			"redirect_uris":                       []string{c.Base + "/auth/callback"},
			"post_logout_redirect_uris":           []string{c.Base + "/auth/logged-out"},
			"backchannel_logout_uri":              c.Base + "/auth/backchannel-logout",
			"backchannel_logout_session_required": true,
		}
		if c.AccessToken > 0 {
			client["authorization_code_grant_access_token_lifespan"] = c.AccessToken.String()
			client["refresh_token_grant_access_token_lifespan"] = c.AccessToken.String()
		}
		if _, err := hydraCall(http.MethodPost, admin+"/admin/clients", client); err != nil {
			t.Fatal(err)
		}
	}
	s.LogOut = s.Issuer + "/oauth2/sessions/logout"
	s.Restart = func() {
		h.stop()
		h.start(s, ready)
	}
	s.RotateKeys = func() error { return hydraKey(t, admin, "hydra.openid.id-token") }
	return s
}

// hydraKey brings a key that signs from now on. On a machine that is busy Hydra takes longer to
// make one than it lets an answer take.
func hydraKey(t testing.TB, admin, set string) error {
	t.Helper()
	key := rsaKey(t)
	_, err := hydraCall(http.MethodPut, admin+"/admin/keys/"+set+"/"+key.KeyID, key)
	return err
}

// hydraLogin is the log-in app that Hydra wants one to have.
type hydraLogin struct {
	t      testing.TB
	admin  string
	window time.Duration
}

func (l *hydraLogin) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	kind := r.URL.Path[1:] // login, consent or logout
	challenge := r.FormValue(kind + "_challenge")
	at := l.admin + "/admin/oauth2/auth/requests/" + kind
	query := "?" + kind + "_challenge=" + url.QueryEscape(challenge)
	asked, err := hydraCall(http.MethodGet, at+query, nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	var body map[string]any
	switch kind {
	case "login":
		skip, _ := asked["skip"].(bool)
		if !skip && (r.FormValue("username") == "" || r.FormValue("password") != password) {
			w.Header().Set("Content-Type", "text/html")
			_, _ = fmt.Fprintf(w, `<form method=post><input type=hidden name=login_challenge value="%s">`+
				`<input name=username><input type=password name=password><button>Log in</button></form>`,
				html.EscapeString(challenge))
			return
		}
		body = map[string]any{"subject": r.FormValue("username"), "remember": true,
			"remember_for": int(l.window.Seconds())}
		if skip {
			body["subject"] = asked["subject"]
			body["extend_session_lifespan"] = true
		}
	case "consent":
		body = map[string]any{"grant_scope": asked["requested_scope"],
			"grant_access_token_audience": asked["requested_access_token_audience"],
			"remember":                    true, "remember_for": 0}
	}
	answer, err := hydraCall(http.MethodPut, at+"/accept"+query, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	to, _ := answer["redirect_to"].(string)
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func hydraCall(method, to string, body any) (answer map[string]any, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var b io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		b = bytes.NewReader(text)
	}
	status, text, err := call(ctx, method, to, "application/json", b, nil)
	if err == nil && status/100 != 2 {
		err = fmt.Errorf("%s %s: %d %.500s", method, to, status, text)
	}
	if err == nil {
		err = json.Unmarshal(text, &answer)
	}
	return answer, err
}
