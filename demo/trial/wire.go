package trial

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
)

const maxAnswer = 1 << 20 // bytes; the library reads no more either

// wire looks at the app's calls of the IdP as they pass. It keeps no token.
type wire struct {
	next   *http.Transport
	seen   *journal
	issuer string

	mu        sync.Mutex
	endpoints map[string]string // URL → what it is
	presented [32]byte          // hash of the latest refresh token
}

// RoundTrip passes a call on.
func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	form := url.Values{}
	at := *r.URL
	at.RawQuery = ""
	what := w.what(at.String())
	if r.Method == http.MethodPost && r.GetBody != nil {
		if body, err := r.GetBody(); err == nil {
			// The library's own form, from memory: it can be read.
			text, _ := io.ReadAll(io.LimitReader(body, 64<<10))
			_ = body.Close()
			form, _ = url.ParseQuery(string(text))
		}
	}
	if what == "revocation" && form.Get("token_type_hint") == "refresh_token" && w.seen.asksRefresh() {
		w.ask(r, form)
	}
	resp, err := w.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	_ = resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	switch what {
	case "discovery":
		w.learn(body)
	case "token":
		w.token(form, resp.StatusCode, body)
	case "userinfo":
		w.seen.called("userinfo", resp.StatusCode, challenge(resp.Header.Get("WWW-Authenticate")))
	case "revocation":
		w.seen.revoked(resp.StatusCode)
	}
	return resp, nil
}

// ask tries a refresh with the token of a session that is over, just before it is revoked: the
// request of the revocation has all that it takes. What it brings is revoked, too.
func (w *wire) ask(r *http.Request, revocation url.Values) {
	w.mu.Lock()
	to := ""
	for at, what := range w.endpoints {
		if what == "token" {
			to = at
		}
	}
	w.mu.Unlock()
	form := url.Values{"grant_type": {"refresh_token"}, "refresh_token": {revocation.Get("token")}}
	status, body, err := w.post(r, to, form, revocation)
	if err != nil {
		return
	}
	var answer struct {
		Error   string `json:"error"`
		Refresh string `json:"refresh_token"`
	}
	_ = json.Unmarshal(body, &answer) // what cannot be read has no error code
	w.seen.afterEnd(status, code(answer.Error))
	if answer.Refresh != "" && answer.Refresh != revocation.Get("token") {
		u := *r.URL
		// as good as it goes
		_, _, _ = w.post(r, u.String(), url.Values{"token": {answer.Refresh}, "token_type_hint": {"refresh_token"}},
			revocation)
	}
}

// post sends a form as the client that another request came from.
func (w *wire) post(like *http.Request, to string, form, credentials url.Values) (int, []byte, error) {
	for _, name := range []string{"client_id", "client_secret"} {
		if credentials.Has(name) {
			form[name] = credentials[name]
		}
	}
	r, err := http.NewRequestWithContext(like.Context(), http.MethodPost, to, strings.NewReader(form.Encode()))
	if err != nil {
		return 0, nil, err
	}
	r.Header = like.Header.Clone()
	resp, err := w.next.RoundTrip(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return resp.StatusCode, body, err
}

func (w *wire) what(at string) string {
	if at == strings.TrimSuffix(w.issuer, "/")+"/.well-known/openid-configuration" {
		return "discovery"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.endpoints[at]
}

func (w *wire) learn(body []byte) {
	var doc struct {
		Token       string `json:"token_endpoint"`
		Userinfo    string `json:"userinfo_endpoint"`
		Revocation  string `json:"revocation_endpoint"`
		Backchannel bool   `json:"backchannel_logout_supported"`
	}
	if json.Unmarshal(body, &doc) != nil {
		return
	}
	w.mu.Lock()
	w.endpoints = map[string]string{}
	for name, raw := range map[string]string{"token": doc.Token, "userinfo": doc.Userinfo,
		"revocation": doc.Revocation} {
		if u, err := url.Parse(raw); err == nil && raw != "" {
			u.RawQuery = ""
			w.endpoints[u.String()] = name
		}
	}
	w.mu.Unlock()
	w.seen.discovered(doc.Backchannel, doc.Revocation != "", doc.Userinfo != "")
}

func (w *wire) token(form url.Values, status int, body []byte) {
	var answer struct {
		Error   string `json:"error"`
		Refresh string `json:"refresh_token"`
	}
	_ = json.Unmarshal(body, &answer) // what cannot be read has no error code
	sum := sha256.Sum256([]byte(form.Get("refresh_token")))
	if form.Get("grant_type") != "refresh_token" {
		w.seen.exchanged(status, code(answer.Error), answer.Refresh != "")
		return
	}
	w.mu.Lock()
	again := sum == w.presented
	w.presented = sum
	w.mu.Unlock()
	if status == http.StatusOK {
		rotates := answer.Refresh != "" && sha256.Sum256([]byte(answer.Refresh)) != sum
		w.seen.rotated(rotates, again)
	}
	w.seen.called("refresh", status, code(answer.Error))
}

var (
	plain       = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,60}$`)
	inChallenge = regexp.MustCompile(`error="([^"]*)"`)
)

// code lets only what looks like an error code of OAuth pass.
func code(s string) string {
	if s != "" && !plain.MatchString(s) {
		return "an unreadable error"
	}
	return s
}

func challenge(header string) string {
	if m := inChallenge.FindStringSubmatch(header); m != nil {
		return code(m[1])
	}
	return ""
}
