package openapi

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// world is a provider with its control API, and the clients notes, mail and api.
type world struct {
	*idptest.Server
	t    *testing.T
	http *http.Client

	mu   sync.Mutex
	told map[string][]string // logout tokens by client
}

func client(id string) idpmock.Client {
	base := "https://" + id + ".example"
	return idpmock.Client{ID: id, Secret: id + "-secret", RedirectURIs: []string{base + "/cb"},
		BackchannelLogoutURI: base + "/logout", RefreshTokens: true}
}

func inBubble(t *testing.T, f func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, told: map[string][]string{}}
		w.Server = idptest.StartMem(t, idptest.WithControlAPI(), idptest.WithClients(client("notes"), client("mail"),
			idpmock.Client{ID: "api", Secret: "x"}),
			idptest.WithConfig(func(c *idpmock.Config) { c.SigningAlg = "ES256" }))
		w.http = w.Net.Client()
		for _, id := range []string{"notes", "mail"} {
			stop, err := w.Net.Serve(id+".example", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				w.mu.Lock()
				defer w.mu.Unlock()
				w.told[id] = append(w.told[id], r.FormValue("logout_token"))
			}))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(stop)
		}
		f(t, w)
	})
}

func (w *world) deliveries(client string) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.told[client]...)
}

func authURL(issuer, client string, more ...string) string {
	v := url.Values{"client_id": {client}, "redirect_uri": {"https://" + client + ".example/cb"},
		"response_type": {"code"}, "scope": {"openid"},
		"code_challenge": {challenge}, "code_challenge_method": {"S256"}}
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return issuer + idpmock.PathAuthorize + "?" + v.Encode()
}

type answer struct {
	status int
	fields map[string]any
}

func (a answer) text(name string) string { v, _ := a.fields[name].(string); return v }

func (w *world) do(req *http.Request) answer {
	w.t.Helper()
	resp, err := w.http.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode}
	_ = json.Unmarshal(body, &a.fields) // some answers are empty
	return a
}

// token calls the token endpoint as a client.
func (w *world) token(client string, form url.Values) answer {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodPost, w.URL+idpmock.PathToken, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(client, client+"-secret")
	return w.do(req)
}

func (w *world) exchange(client, callback string) answer {
	w.t.Helper()
	u, err := url.Parse(callback)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.token(client, url.Values{"grant_type": {"authorization_code"}, "code": {u.Query().Get("code")},
		"redirect_uri": {"https://" + client + ".example/cb"}, "code_verifier": {verifier}})
}

func (w *world) refresh(client, token string) answer {
	return w.token(client, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
}

func (w *world) userinfo(token string) answer {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodGet, w.URL+idpmock.PathUserinfo, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return w.do(req)
}

// session is the browser's, which must live.
func (w *world) session(b *idpmock.Browser) idpmock.Session {
	w.t.Helper()
	s, err := b.Session()
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}
