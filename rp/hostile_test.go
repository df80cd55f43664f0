package rp_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/internal/printtest"
	"github.com/tandem-sso/tandem/rp"
)

// A server that repeats what it was sent, in any place of its answer, puts no secret
// into an error, a log, an event or a page.
func TestNothingPrintsOfAHostileServer(t *testing.T) {
	for what, op := range map[string]struct {
		kind rp.Kind
		do   func(*planted) error // with the hostile server in place of the IdP
	}{
		"refresh": {rp.RefreshToken, func(w *planted) error {
			time.Sleep(6 * time.Minute)
			return w.authenticate()
		}},
		"userinfo": {rp.ReferenceToken, func(w *planted) error {
			time.Sleep(6 * time.Minute)
			return w.authenticate()
		}},
		"code": {rp.RefreshToken, func(w *planted) error {
			u, err := url.Parse(w.authorize(w.start("/auth/login")))
			if err != nil {
				w.Fatal(err)
			}
			w.plant("code", u.Query().Get("code"))
			r := httptest.NewRequest(http.MethodGet, u.String(), nil)
			for _, c := range w.cookies() {
				r.AddCookie(c)
			}
			return w.auth[0].FinishLogin(httptest.NewRecorder(), r)
		}},
		"revocation": {rp.RefreshToken, func(w *planted) error {
			w.leave()
			return nil
		}},
	} {
		for how, answer := range printtest.Echoes() {
			t.Run(what+", "+how, func(t *testing.T) {
				inPlanted(t, setup{kind: op.kind}, func(t *testing.T, w *planted) {
					w.serve("hostile.example", printtest.Echo(t, answer))
					network := w.world.idp.Net.Transport()
					calls := 0
					w.around = roundTripper(func(r *http.Request) (*http.Response, error) {
						calls++
						r = r.Clone(r.Context())
						r.URL.Host, r.Host = "hostile.example", ""
						return network.RoundTrip(r)
					})
					err := op.do(w)
					synctest.Wait()
					if calls == 0 {
						t.Fatal("nobody was called: this proves nothing")
					}
					w.around = nil
					w.shows(what, err)
				})
			})
		}
	}
}

func (p *planted) authenticate() error {
	r := httptest.NewRequest(http.MethodGet, base+"/private", nil)
	r.Header = with(navigating, "Cookie", cookie+"="+p.id())
	_, err := p.auth[0].Authenticate(r)
	return err
}

// shows fails if an error, its page, an event or the log shows a secret.
func (p *planted) shows(what string, err error) {
	p.Helper()
	secrets := p.known()
	if err != nil {
		printtest.Check(p.T, what, secrets, err)
		for _, h := range []http.Header{navigating, fetching} {
			r := httptest.NewRequest(http.MethodGet, base+"/private", nil)
			r.Header = h
			a := p.auth[0].Answer(r, err)
			if found := secrets.Found(string(a.Body) + fmt.Sprint(a.Header)); found != "" {
				p.Errorf("%s: the answer shows the %s: %s", what, found, a.Body)
			}
		}
	}
	for _, e := range p.signals {
		printtest.Check(p.T, what, secrets, e)
	}
	if found := secrets.Found(p.log.String()); found != "" {
		p.Errorf("%s: the log shows the %s: %s", what, found, p.log)
	}
}

// What the browser brings from the IdP is from outside as well.
func TestNothingPrintsOfACallback(t *testing.T) {
	inPlanted(t, setup{}, func(t *testing.T, w *planted) {
		secret := w.known()["code"]
		for what, query := range map[string]string{
			"error": "error=" + secret, "description": "error=access_denied&error_description=" + secret,
			"a name that stands twice": secret + "=1&" + secret + "=2", "no code": "x=" + secret,
		} {
			u, err := url.Parse(w.start("/auth/login"))
			if err != nil {
				t.Fatal(err)
			}
			back := base + "/auth/callback?state=" + u.Query().Get("state") + "&iss=" + url.QueryEscape(issuer) + "&" +
				query
			r := httptest.NewRequest(http.MethodGet, back, nil)
			for _, c := range w.cookies() {
				r.AddCookie(c)
			}
			w.plant("state of "+what, u.Query().Get("state"))
			if err = w.auth[0].FinishLogin(httptest.NewRecorder(), r); err == nil {
				t.Fatal("finished")
			}
			w.shows(what, err)
		}
	})
}

// An API has the access token, and may repeat it in its challenge. What an APIError
// hands on of it is for the app: Scope, ACRValues and MaxAge.
func TestNothingPrintsOfAnAPI(t *testing.T) {
	for challenge, want := range map[string]error{
		`Bearer realm="§", error="insufficient_user_authentication", error_description="§", acr_values="mfa"`: rp.ErrStepUp,
		`Bearer error="invalid_token", error_description="§", error_uri="https://x/§"`:                        rp.ErrBlamedAPI,
	} {
		api := printtest.Echo(t, printtest.Unauthorized+"WWW-Authenticate: "+challenge+"\r\n"+printtest.AsText+"§")
		inPlanted(t, setup{api: api}, func(t *testing.T, w *planted) {
			w.run = func(_ http.ResponseWriter, r *http.Request, s *rp.Session) {
				_, err := s.Client().Get("https://api.example/")
				if !errors.Is(err, want) {
					t.Errorf("%v, want %v", err, want)
				}
				w.shows(challenge, err)
			}
			w.get("/run")
		})
	}
}
