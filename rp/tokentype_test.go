package rp_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// found fails unless the finding is told, once, with all of texts.
func (w *world) found(code string, texts ...string) {
	w.Helper()
	n := 0
	for _, f := range w.auth[0].Findings() {
		if f.Code != code {
			continue
		}
		n++
		for _, text := range texts {
			if !strings.Contains(f.Text, text) {
				w.Errorf("finding %s does not name %q: %s", code, text, f.Text)
			}
		}
	}
	if n != 1 {
		w.Errorf("finding %s was told %d times", code, n)
	}
}

// An access token of a type that nobody asked for (RFC 6749 §7.1) is no bearer token.
// At the log-in that is an error that names the cause for those who run the app.
func TestTokenTypeAtLogin(t *testing.T) {
	a := &api{}
	inBubble(t, setup{api: a}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		callback := v.authorize(v.start("/auth/login"))
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, Response: idpmock.ResponseTokenTypeOther})
		got := v.get(callback)
		if got.status != http.StatusBadGateway || v.id() != "" || strings.Contains(got.body, "DPoP") {
			t.Errorf("%v", got)
		}
		if !w.log.has("a log-in failed") || !w.log.has(`token of type \"DPoP\"`) || w.log.has("eyJ") {
			t.Errorf("the log does not name the cause, or a token:\n%s", w.log)
		}
		v.expect("anonymous", "")
		v.login() // and once the IdP is mended
		if status, _, err := w.calls(v, "/run", whoami); status != 200 {
			t.Errorf("%d, %v", status, err)
		}
	})
	// Who holds no token needs no type of it.
	inBubble(t, setup{kind: rp.NoToken}, func(t *testing.T, w *world) {
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, Response: idpmock.ResponseTokenTypeOther})
		w.visitor("ada").login()
	})
}

// At a refresh the session and its new refresh token are kept, but nobody is shown
// the access token: no API, no userinfo endpoint, no handler. It is tried again, so
// that a repaired IdP needs no restart.
func TestTokenTypeAtARefresh(t *testing.T) {
	for _, kind := range []string{"DPoP", "mac", "pop", "N_A", "Bearer DPoP", "bearer ", "\u212A", "Bea\x00rer",
		strings.Repeat("x", 100_000)} {
		t.Run(kind[:min(len(kind), 20)], func(t *testing.T) {
			a, x := &api{}, &wire{}
			long := func(c *rp.Config) { c.SignalEvery, c.TrustFor = 2*time.Minute, 4*time.Minute }
			inBubble(t, x.under(setup{api: a, client: longToken, idp: patient, config: long}),
				func(t *testing.T, w *world) {
					v := w.visitor("ada")
					v.login()
					x.edits(idpmock.PathToken, func(fields map[string]any) { fields["token_type"] = kind })
					time.Sleep(5 * time.Minute)
					if a := v.fetch("/private"); a.status != 200 {
						t.Errorf("the refresh confirms the session: %v", a)
					}
					w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
					for range 3 {
						_, _, err := w.calls(v, "/run", whoami)
						if !errors.Is(err, rp.ErrNoAccessToken) ||
							!strings.Contains(err.Error(), "which was not asked for") || a.requests() > 0 {
							t.Errorf("%v, sent %q", err, a.tokens)
						}
					}
					w.found("token_type", "was not asked for")
					w.idp.Expect(idpmock.EndpointRefresh, "notes", 1) // not at every call
					w.idp.Expect(idpmock.EndpointUserinfo, "notes", 0)
					x.edits(idpmock.PathToken, nil)
					time.Sleep(2 * time.Minute)
					if status, _, err := w.calls(v, "/run", whoami); status != 200 || a.requests() != 1 {
						t.Errorf("after the repair: %d, %v", status, err)
					}
					w.expectEnds()
				})
		})
	}
}

// The token that an API has refused is renewed, and the new one is of another kind:
// the second try has nothing to show.
func TestTokenTypeAtTheSecondTry(t *testing.T) {
	a := &api{answer: func(int, string) (int, string) { return 401, invalidToken }}
	inBubble(t, setup{api: a, client: longToken, idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Response: idpmock.ResponseTokenTypeOther})
		_, _, err := w.calls(v, "/run", whoami)
		if !errors.Is(err, rp.ErrNoAccessToken) || a.requests() != 1 {
			t.Errorf("%v, sent %q", err, a.tokens)
		}
		w.idp.Expect(idpmock.EndpointUserinfo, "notes", 0)
		v.expect("live", "")
		w.expectEnds()
	})
}

// Who has no token asks nobody: the 401 that an empty one gets would say nothing about the
// session, and end it all the same, because userinfo has taken a token of it before.
func TestNothingToAskWith(t *testing.T) {
	inBubble(t, setup{kind: rp.ReferenceToken}, func(t *testing.T, w *world) {
		if err := w.auth[0].AskWithoutTokens(t.Context()); err != nil {
			t.Error(err)
		}
		w.idp.Expect(idpmock.EndpointUserinfo, "notes", 0)
		w.expectEnds()
	})
}

// Bearer is Bearer in any case (RFC 6749 §5.1, RT-11).
func TestBearerInAnyCase(t *testing.T) {
	for _, kind := range []string{"bearer", "BEARER", "bEARER"} {
		a, x := &api{}, &wire{}
		inBubble(t, x.under(setup{api: a}), func(t *testing.T, w *world) {
			x.edits(idpmock.PathToken, func(fields map[string]any) { fields["token_type"] = kind })
			v := w.visitor("ada")
			v.login()
			if status, _, err := w.calls(v, "/run", whoami); status != 200 ||
				!strings.HasPrefix(fmt.Sprint(a.tokens), "[eyJ") {
				t.Errorf("%s: %d, %v, %q", kind, status, err, a.tokens)
			}
		})
	}
}
