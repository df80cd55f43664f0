package rp_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// api is a resource server that does as it is told.
type api struct {
	mu     sync.Mutex
	tokens []string // of each request, in order
	bodies []string
	answer func(n int, token string) (status int, challenge string) // n counts from 1
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	a.mu.Lock()
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		token = ""
	}
	a.tokens, a.bodies = append(a.tokens, token), append(a.bodies, string(body))
	n := len(a.tokens)
	answer := a.answer
	a.mu.Unlock()
	status, challenge := 200, ""
	if answer != nil {
		status, challenge = answer(n, token)
	}
	if challenge != "" {
		w.Header().Set("WWW-Authenticate", challenge)
	}
	w.WriteHeader(status)
	io.WriteString(w, "the API's answer")
}

func (a *api) requests() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.tokens)
}

const invalidToken = `Basic realm="x", bearer error="invalid_token", error_description="gone"`

// refuses answers 401 to every token that ok does not accept.
func refuses(ok func(n int, token string) bool) func(int, string) (int, string) {
	return func(n int, token string) (int, string) {
		if ok(n, token) {
			return 200, ""
		}
		return 401, invalidToken
	}
}

// calls makes v call the API from its handler and returns what the handler got.
func (w *world) calls(v *visitor, path string, call func(context.Context, *rp.Session) (*http.Response,
	error)) (status int, body string, err error) {
	w.Helper()
	w.run = func(rw http.ResponseWriter, r *http.Request, s *rp.Session) {
		var resp *http.Response
		if resp, err = call(r.Context(), s); err == nil {
			status, body = resp.StatusCode, readAll(w.T, resp)
		}
	}
	if a := v.fetch(path); a.status != 200 {
		w.Errorf("the page: %v", a)
	}
	return status, body, err
}

func get(url string) func(context.Context, *rp.Session) (*http.Response, error) {
	return func(ctx context.Context, s *rp.Session) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
		if err != nil {
			return nil, err
		}
		return s.Client().Do(req)
	}
}

var whoami = get("https://api.example/whoami")

// accessToken is that of the log-in; empty if there is none.
func accessToken(r *http.Request, s *rp.Session) string {
	token, err := s.TokenSource(r.Context()).Token()
	if err != nil {
		return ""
	}
	return token.AccessToken
}

// The token goes with the call, and nothing else of the session does.
func TestClientAddsTheToken(t *testing.T) {
	a := &api{}
	inBubble(t, setup{api: a}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		if status, body, err := w.calls(v, "/run", whoami); status != 200 || body != "the API's answer" || err != nil {
			t.Errorf("%d %q %v", status, body, err)
		}
		var token string
		w.run = func(_ http.ResponseWriter, r *http.Request, s *rp.Session) { token = accessToken(r, s) }
		v.fetch("/run")
		if len(a.tokens) != 1 || a.tokens[0] == "" || a.tokens[0] != token {
			t.Errorf("tokens %v, the session's is %q", a.tokens, token)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 0)
		if w.log.has(token) {
			t.Error("the token is in the log")
		}
	})
}

// API-01, fapi2 …-client-refresh-token-test: 401 → one refresh → one replay.
func TestRefusedTokenIsRenewedOnce(t *testing.T) {
	a := &api{}
	inBubble(t, setup{api: a, client: longToken}, func(t *testing.T, w *world) {
		first := ""
		a.answer = refuses(func(_ int, token string) bool {
			if first == "" {
				first = token
			}
			return token != first
		})
		v := w.visitor("ada")
		v.login()
		if status, _, err := w.calls(v, "/run", whoami); status != 200 || err != nil {
			t.Errorf("%d %v", status, err)
		}
		if a.requests() != 2 || a.tokens[0] == a.tokens[1] {
			t.Errorf("tokens %v", a.tokens)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		w.idp.Expect(idpmock.EndpointUserinfo, "notes", 0)
		w.calls(v, "/run", whoami) // and the fresh one is kept
		if a.requests() != 3 {
			t.Errorf("%d requests", a.requests())
		}
		w.expectEnds()
	})
}

// Many calls whose token is refused at once share one refresh.
func TestRefusedTokensShareARefresh(t *testing.T) {
	a := &api{}
	inBubble(t, setup{api: a, client: longToken, instances: 2}, func(t *testing.T, w *world) {
		var first string
		a.answer = refuses(func(_ int, token string) bool { return token != first })
		v := w.visitor("ada")
		v.login()
		w.run = func(rw http.ResponseWriter, r *http.Request, s *rp.Session) { first = accessToken(r, s) }
		v.fetch("/run")
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Times: idpmock.Always, Delay: 2 * time.Second})
		w.run = func(rw http.ResponseWriter, r *http.Request, s *rp.Session) {
			resp, err := whoami(r.Context(), s)
			if err != nil {
				rw.WriteHeader(500)
				return
			}
			rw.WriteHeader(resp.StatusCode)
			resp.Body.Close()
		}
		var all sync.WaitGroup
		for i := range 60 {
			all.Go(func() {
				req, _ := http.NewRequestWithContext(w.Context(), "GET", base+"/run", nil)
				req.Header = with(fetching, "Cookie", cookie+"="+v.id(), "X-Instance", []string{"0", "1"}[i%2])
				resp, err := (&http.Client{Transport: v.http.Transport}).Do(req)
				if err != nil || resp.StatusCode != 200 {
					t.Errorf("%v %v", resp, err)
					return
				}
				readAll(t, resp)
			})
		}
		all.Wait()
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		w.expectEnds()
	})
}

// An API alone logs nobody out: while the IdP vouches for the token it is blamed.
func TestBlamedAPI(t *testing.T) {
	for _, kind := range []rp.Kind{rp.RefreshToken, rp.ReferenceToken} {
		a := &api{answer: func(int, string) (int, string) { return 401, invalidToken }}
		inBubble(t, setup{api: a, kind: kind, client: tokenOf(kind)}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			for range 3 {
				_, _, err := w.calls(v, "/run", whoami)
				var told *rp.APIError
				if !errors.Is(err, rp.ErrBlamedAPI) || !errors.As(err, &told) || told.Status != 401 ||
					told.Code != "invalid_token" {
					t.Errorf("%v: %v", kind, err)
				}
			}
			v.expect("live", "")
			w.expectEnds()
			if !w.log.has("https://api.example") {
				t.Error("the log does not name the API")
			}
		})
	}
}

// An API of which one instance is broken costs one refresh in δ, too.
func TestBlameOutlivesSuccess(t *testing.T) {
	calls := 0
	a := &api{answer: func(int, string) (int, string) {
		if calls++; calls%3 == 0 {
			return 200, ""
		}
		return 401, invalidToken
	}}
	inBubble(t, setup{api: a}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for range 20 {
			_, _, _ = w.calls(v, "/run", whoami)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
		w.expectEnds()
	})
}

// A 401 that the IdP confirms is the end, for the reason of the kind.
func TestConfirmedRefusalEnds(t *testing.T) {
	for kind, reason := range map[rp.Kind]reason.Reason{rp.RefreshToken: reason.RefreshRejected,
		rp.ReferenceToken: reason.APIUnauthorized} {
		a := &api{}
		inBubble(t, setup{api: a, kind: kind, client: tokenOf(kind)}, func(t *testing.T, w *world) {
			w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
			v := w.visitor("ada")
			v.login()
			time.Sleep(time.Second)
			if err := w.idp.EndSession(v.session().SID); err != nil {
				t.Fatal(err)
			}
			a.answer = func(int, string) (int, string) { return 401, invalidToken }
			_, _, err := w.calls(v, "/run", whoami)
			var ended *rp.EndedError
			if !errors.As(err, &ended) || ended.Reason != reason || !errors.Is(err, store.ErrEnded) {
				t.Errorf("%v: %v", kind, err)
			}
			v.expect("ended", reason)
			w.expectEnds(reason)
		})
	}
}

// C6: the API refuses while the IdP cannot be asked: nobody knows, nobody is
// logged out.
func TestRefusalDuringAnOutage(t *testing.T) {
	for _, kind := range []rp.Kind{rp.RefreshToken, rp.ReferenceToken} {
		a := &api{answer: func(int, string) (int, string) { return 401, invalidToken }}
		inBubble(t, setup{api: a, kind: kind, client: tokenOf(kind), idp: patient}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			time.Sleep(time.Second)
			f := w.idp.Fault(idpmock.Fault{Times: idpmock.Always, Status: 500})
			_, _, err := w.calls(v, "/run", whoami)
			var trouble *rp.UnavailableError
			if !errors.As(err, &trouble) || trouble.RetryAfter <= 0 {
				t.Errorf("%v: %v", kind, err)
			}
			v.expect("live", "")
			f.Remove()
			a.answer = nil
			time.Sleep(time.Minute)
			if status, _, err := w.calls(v, "/run", whoami); status != 200 {
				t.Errorf("%v: %v", kind, err)
			}
			w.expectEnds()
		})
	}
}

// 403 and step-up never refresh and never log out; they surface as typed errors.
func TestInsufficientToken(t *testing.T) {
	for name, row := range map[string]struct {
		status    int
		challenge string
		want      rp.APIError
	}{
		"API-01 403 insufficient_scope": {403, `Bearer error="insufficient_scope", scope="notes.write"`,
			rp.APIError{Status: 403, Code: "insufficient_scope", Scope: "notes.write"}},
		"RFC 9470 step-up": {401, `Bearer error="insufficient_user_authentication", acr_values="mfa", max_age="300"`,
			rp.APIError{Status: 401, Code: "insufficient_user_authentication", ACRValues: "mfa", MaxAge: "300"}},
		"API-02 among others": {403, `DPoP algs="ES256", Bearer realm="a, b", error="insufficient_scope", scope="x"`,
			rp.APIError{Status: 403, Code: "insufficient_scope", Scope: "x"}},
	} {
		for when, n := range map[string]int{"at once": 1, "after a refresh": 2} {
			t.Run(name+" "+when, func(t *testing.T) {
				a := &api{answer: func(i int, _ string) (int, string) {
					if i < n {
						return 401, invalidToken
					}
					return row.status, row.challenge
				}}
				inBubble(t, setup{api: a, client: longToken}, func(t *testing.T, w *world) {
					v := w.visitor("ada")
					v.login()
					_, _, err := w.calls(v, "/run", whoami)
					var got *rp.APIError
					if !errors.As(err, &got) || !errors.Is(err, rp.ErrStepUp) {
						t.Fatalf("%v", err)
					}
					row.want.Err = rp.ErrStepUp
					if *got != row.want {
						t.Errorf("%+v, want %+v", *got, row.want)
					}
					w.idp.Expect(idpmock.EndpointRefresh, "notes", n-1)
					w.expectEnds()
				})
			})
		}
	}
}

// What is not about the token is the caller's: status and body as they came.
func TestOtherAnswersAreTheCallers(t *testing.T) {
	for _, row := range []struct {
		status    int
		challenge string
	}{
		{200, ""}, {204, ""}, {304, ""}, {400, ""}, {403, ""}, {403, `Bearer error="invalid_token"`}, {404, ""},
		{409, ""}, {429, ""}, {500, ""}, {502, invalidToken}, {503, ""},
		{401, `Bearer error="invalid_request"`}, {401, `DPoP error="use_dpop_nonce"`},
	} {
		a := &api{answer: func(int, string) (int, string) { return row.status, row.challenge }}
		inBubble(t, setup{api: a}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			status, _, err := w.calls(v, "/run", whoami)
			if status != row.status || err != nil || a.requests() != 1 {
				t.Errorf("%v: %d, %v, %d requests", row, status, err, a.requests())
			}
			w.idp.Expect(idpmock.EndpointRefresh, "notes", 0)
			w.expectEnds()
		})
	}
}
