package simulation

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// wire is an instance's way out. It sees what the instance really sends and
// receives, tokens included, and tells the oracle.
type wire struct {
	in   *instance
	next http.RoundTripper
	life *life
}

// sent is one call of the IdP, as the instance sees it.
type sent struct {
	kind    callKind
	path    string
	token   string // shown: code, refresh token, access token
	status  int    // 0: no answer, outcome unknown to the caller
	err     string // OAuth error code
	words   string // its description
	refresh string // received
	access  string
	lasts   time.Duration // refresh_expires_in
	sid     string        // of the ID token received
	iat     int64
	sub     string // of the userinfo received
	idSub   string // of the ID token received
	mixed   string // why the tokens of an answer do not belong together; empty: nothing says so

	wait      time.Duration // Retry-After
	late      bool          // nobody has answered in time
	cancelled bool          // the caller has broken it off
}

type callKind int

const (
	callOther callKind = iota
	callCode
	callRefresh
	callUserinfo
	callRevoke
	callResource // the API
)

var callNames = [...]string{"other", "code", "refresh", "userinfo", "revoke", "api"}

func (k callKind) String() string { return callNames[k] }

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	if w.life.over() {
		return nil, errKilled
	}
	a := w.in.app
	if host := r.URL.Host; host != idpHosts[a.idp] && host != a.provider.api {
		o := a.w.oracle
		o.lock()
		o.breach("C9", "%s calls %s", w.in.name, host)
		o.unlock()
	}
	s := classify(r, a.provider.api)
	if s.kind == callOther {
		return w.trip(r)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(w.life.ctx, cancel)()
	r = r.WithContext(ctx)
	o := a.w.oracle
	c := o.calls(w.in, s)
	resp, err := w.trip(r)
	if err != nil {
		if !w.life.over() { // nobody has broken it off
			s.failed(err)
		}
		o.answered(c, s)
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	s.failed(err)
	if err == nil {
		s.read(a, resp, body)
	}
	o.answered(c, s)
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), failing{err}))
	return resp, nil
}

// trip notes when the IdP has answered.
func (w *wire) trip(r *http.Request) (*http.Response, error) {
	resp, err := w.next.RoundTrip(r)
	switch {
	case r.URL.Host != idpHosts[w.in.app.idp]:
	case err == nil:
		w.in.heard.Store(int64(w.in.app.w.at()))
	default:
		w.in.unheard.Store(true)
	}
	return resp, err
}

// failing repeats the error that cut a body short.
type failing struct{ err error }

func (f failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

func classify(r *http.Request, api string) *sent {
	s := &sent{path: r.URL.Path}
	bearer := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	if r.URL.Host == api {
		s.kind, s.token = callResource, bearer
		return s
	}
	switch atHome(r.URL.Path) {
	case idpmock.PathUserinfo:
		s.kind, s.token = callUserinfo, bearer
	case idpmock.PathToken:
		form := formOf(r)
		if form.Get("grant_type") == "refresh_token" {
			s.kind, s.token = callRefresh, form.Get("refresh_token")
		} else {
			s.kind, s.token = callCode, form.Get("code")
		}
	case idpmock.PathRevoke:
		s.kind, s.token = callRevoke, formOf(r).Get("token")
	}
	return s
}

func formOf(r *http.Request) url.Values {
	if r.GetBody == nil {
		return nil
	}
	body, err := r.GetBody()
	if err != nil {
		return nil
	}
	defer body.Close()
	raw, _ := io.ReadAll(body)
	form, _ := url.ParseQuery(string(raw))
	return form
}

func (s *sent) failed(err error) {
	s.late, s.cancelled = errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled)
}

func (s *sent) read(a *app, resp *http.Response, body []byte) {
	s.status = resp.StatusCode
	if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		s.wait = time.Duration(n) * time.Second
	}
	var answer struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
		ID      string `json:"id_token"`
		Sub     string `json:"sub"`
		Lasts   int64  `json:"refresh_expires_in"`
		Error   string `json:"error"`
		Words   string `json:"error_description"`
	}
	_ = json.Unmarshal(body, &answer) // not every answer is JSON
	s.access, s.refresh, s.sub, s.err, s.words = answer.Access, answer.Refresh, answer.Sub, answer.Error, answer.Words
	s.lasts = time.Duration(answer.Lasts) * time.Second
	id := claimsOf(answer.ID)
	s.sid, s.iat, s.idSub = id.SID, id.Iat, id.Sub
	if s.kind == callRefresh && answer.ID != "" && s.access != "" {
		s.mixed = mixedUp(a, answer.ID, s.access)
	}
}

// claims are what the oracle wants to know of a token; it trusts the IdP.
type claims struct {
	Iss string `json:"iss"`
	Aud string `json:"aud"` // idpmock sends a string
	Iat int64  `json:"iat"`
	Exp int64  `json:"exp"`
	SID string `json:"sid"`
	Sub string `json:"sub"`
}

func claimsOf(token string) (c claims) {
	if parts := strings.Split(token, "."); len(parts) == 3 {
		if raw, err := base64.RawURLEncoding.DecodeString(parts[1]); err == nil {
			_ = json.Unmarshal(raw, &c)
		}
	}
	return c
}
