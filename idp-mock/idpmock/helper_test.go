package idpmock_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// world is a provider and two apps on an in-memory network, in a bubble.
type world struct {
	*idptest.Server
	t    *testing.T
	http *http.Client

	mu   sync.Mutex
	told map[string][]delivery // by client
	// reply answers a logout token of a client; nil: 200.
	reply func(client string, n int, w http.ResponseWriter, r *http.Request)
}

type delivery struct {
	token string
	at    time.Time
}

// app is a client at https://ID.example.
func app(id string, change ...func(*idpmock.Client)) idpmock.Client {
	base := "https://" + id + ".example"
	c := idpmock.Client{ID: id, Secret: id + "-secret", RedirectURIs: []string{base + "/cb"},
		PostLogoutRedirectURIs: []string{base + "/bye"},
		BackchannelLogoutURI:   base + "/logout", RefreshTokens: true}
	for _, f := range change {
		f(&c)
	}
	return c
}

// inBubble runs f in virtual time with the clients notes, mail and api.
func inBubble(t *testing.T, configure func(*idpmock.Config), f func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) { f(t, newWorld(t, configure)) })
}

func newWorld(t *testing.T, configure func(*idpmock.Config)) *world {
	w := &world{t: t, told: map[string][]delivery{}}
	w.Server = idptest.StartMem(t, idptest.WithConfig(func(c *idpmock.Config) {
		c.SigningAlg = "ES256"
		c.Clients = []idpmock.Client{app("notes"), app("mail"), {ID: "api", Secret: "api-secret"}}
		if configure != nil {
			configure(c)
		}
	}))
	for _, id := range []string{"notes", "mail"} {
		stop, err := w.Net.Serve(id+".example", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/logout" {
				http.NotFound(rw, r)
				return
			}
			w.mu.Lock()
			w.told[id] = append(w.told[id], delivery{r.FormValue("logout_token"), time.Now()})
			n := len(w.told[id])
			w.mu.Unlock()
			if w.reply != nil {
				w.reply(id, n, rw, r)
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
	}
	w.http = w.Net.Client()
	w.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return w
}

func (w *world) deliveries(client string) []delivery {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]delivery(nil), w.told[client]...)
}

func authURL(issuer, client string, more ...string) string {
	v := url.Values{"client_id": {client}, "redirect_uri": {"https://" + client + ".example/cb"},
		"response_type": {"code"}, "scope": {"openid profile"},
		"state": {"st"}, "nonce": {"n"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"}}
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

func (w *world) post(path, client string, form url.Values) (answer, error) {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodPost, w.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if client != "" {
		req.SetBasicAuth(client, client+"-secret")
	}
	return w.do(req)
}

func (w *world) do(req *http.Request) (answer, error) {
	w.t.Helper()
	resp, err := w.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{status: resp.StatusCode}
	json.Unmarshal(body, &a.fields)
	return a, nil
}

func (w *world) must(a answer, err error) answer {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
	return a
}

// login runs the code flow in the browser and returns the token answer.
func (w *world) login(b *idpmock.Browser, client string, more ...string) answer {
	w.t.Helper()
	cb, err := b.Authorize(w.t.Context(), authURL(w.URL, client, more...))
	if err != nil {
		w.t.Fatal(err)
	}
	a := w.exchange(client, cb)
	if a.status != http.StatusOK {
		w.t.Fatalf("code exchange of %s: %v", cb, a)
	}
	return a
}

func (w *world) exchange(client, callback string) answer {
	w.t.Helper()
	u, err := url.Parse(callback)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.must(w.post(idpmock.PathToken, client, url.Values{"grant_type": {"authorization_code"},
		"code":         {u.Query().Get("code")},
		"redirect_uri": {"https://" + client + ".example/cb"}, "code_verifier": {verifier}}))
}

func (w *world) refresh(client, token string) answer {
	w.t.Helper()
	return w.must(w.post(idpmock.PathToken, client,
		url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}}))
}

func (w *world) introspect(token string) answer {
	w.t.Helper()
	return w.must(w.post(idpmock.PathIntrospect, "api", url.Values{"token": {token}}))
}

func (w *world) userinfo(token string) answer {
	w.t.Helper()
	req, err := http.NewRequest(http.MethodGet, w.URL+idpmock.PathUserinfo, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	return w.must(w.do(req))
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

// peek decodes a JWT without checking it.
func peek(t *testing.T, raw string) (header, claims map[string]any) {
	t.Helper()
	if header, claims = claimsOf(raw); claims == nil {
		t.Fatalf("%q is no JWT", raw)
	}
	return header, claims
}

func claimsOf(raw string) (header, claims map[string]any) {
	parts := strings.Split(raw, ".")
	if len(parts) != 3 {
		return nil, nil
	}
	for i, to := range []*map[string]any{&header, &claims} {
		b, err := base64.RawURLEncoding.DecodeString(parts[i])
		if err != nil || json.Unmarshal(b, to) != nil {
			return nil, nil
		}
	}
	return header, claims
}
