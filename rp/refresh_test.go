package rp_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

func counting(n *int) http.Handler {
	return http.HandlerFunc(func(http.ResponseWriter, *http.Request) { *n++ })
}

// graceful accepts a refresh token once more for a minute, as IdPs do whose
// answers get lost.
func graceful(c *idpmock.Config) { patient(c); c.RefreshReuseGrace = time.Minute }

// The answers to a refresh, row by row, at a click that waits for it.
func TestRefreshAnswers(t *testing.T) {
	const (
		kept  = iota // 503 now, good again later
		good         // served at once
		ended        // refresh_rejected
		other        // other_subject
		asked        // the person is asked to log in, the session is kept
	)
	for _, row := range []struct {
		rule  string
		fault idpmock.Fault
		idp   func(*idpmock.Config)
		want  int
		calls int
	}{
		{"a good answer", idpmock.Fault{}, patient, good, 1},
		{"RT-01 invalid_grant", idpmock.Fault{Error: "invalid_grant"}, patient, ended, 1},
		{"RT-01 whatever its description says",
			idpmock.Fault{Status: 400, Body: `{"error":"invalid_grant","error_description":"temporarily unavailable, try again"}`}, patient, ended, 1},
		{"RT-01 invalid_grant in a 200", idpmock.Fault{Status: 200, Body: `{"error":"invalid_grant"}`}, patient, ended,
			1},
		{"RT-03 invalid_request, as Dex says of a claimed token", idpmock.Fault{Error: "invalid_request"}, patient,
			asked, 1},
		{"RT-13 interaction_required", idpmock.Fault{Error: "interaction_required"}, patient, asked, 1},
		{"RT-14 an unknown code", idpmock.Fault{Error: "pigeons"}, patient, asked, 1},
		{"RT-05 temporarily_unavailable", idpmock.Fault{Error: "temporarily_unavailable"}, patient, kept, 1},
		{"RT-05 server_error", idpmock.Fault{Error: "server_error"}, patient, kept, 1},
		{"RT-05 503", idpmock.Fault{Status: 503}, patient, kept, 1},
		{"RT-05 500 with invalid_grant in it", idpmock.Fault{Status: 500, Error: "invalid_grant"}, patient, kept, 1},
		{"RT-06 429", idpmock.Fault{Status: 429, RetryAfter: "1"}, patient, kept, 1},
		{"RT-08 cut off before the IdP did anything", idpmock.Fault{DropBefore: true}, patient, good, 2},
		{"RT-08 cut off after rotation, with grace", idpmock.Fault{DropAfterCommit: true}, graceful, good, 2},
		{"RT-08 cut off after rotation, strict", idpmock.Fault{DropAfterCommit: true}, patient, asked, 2},
		{"RT-09 not JSON", idpmock.Fault{Response: idpmock.ResponseNotJSON}, graceful, kept, 1},
		{"RT-09 empty", idpmock.Fault{Response: idpmock.ResponseEmpty}, graceful, kept, 1},
		{"RT-09 no access_token", idpmock.Fault{Response: idpmock.ResponseNoAccessToken}, patient, good, 1},
		{"RT-09 no token_type", idpmock.Fault{Response: idpmock.ResponseNoTokenType}, patient, good, 1},
		{"RT-09 4 MiB", idpmock.Fault{Response: idpmock.ResponseHuge}, graceful, kept, 1},
		{"RT-10 CORE-10 H -refresh-token-invalid-issuer", idpmock.Fault{IDToken: idpmock.IDTokenInvalidIss}, patient,
			good, 1},
		{"RT-10 CORE-10 H -refresh-token-invalid-sub", idpmock.Fault{IDToken: idpmock.IDTokenInvalidSub}, patient,
			other, 1},
		{"RT-10 CORE-10 another aud", idpmock.Fault{IDToken: idpmock.IDTokenInvalidAud}, patient, good, 1},
		{"RT-10 CORE-10 foreign azp", idpmock.Fault{IDToken: idpmock.IDTokenInvalidAzp}, patient, good, 1},
		{"RT-10 CORE-10 no iat", idpmock.Fault{IDToken: idpmock.IDTokenMissingIat}, patient, good, 1},
		{"RT-10 bad signature", idpmock.Fault{IDToken: idpmock.IDTokenInvalidSig}, patient, good, 1},
		{"RT-10 alg none", idpmock.Fault{IDToken: idpmock.IDTokenSigNone}, patient, good, 1},
		{"RT-10 CORE-08 at_hash", idpmock.Fault{IDToken: idpmock.IDTokenInvalidAtHash}, patient, good, 1},
		{"RT-10 a logout token", idpmock.Fault{IDToken: idpmock.IDTokenTypLogout}, patient, good, 1},
		{"CORE-14 H -signing-key-rotation", idpmock.Fault{IDToken: idpmock.IDTokenRotatedKey}, patient, good, 1},
		{"CORE-10 no ID token", idpmock.Fault{Response: idpmock.ResponseNoIDToken}, patient, good, 1},
		{"CORE-10 the nonce again", idpmock.Fault{IDToken: idpmock.IDTokenNonceOnRefresh}, patient, good, 1},
		{"RT-11 no refresh_token: the old one stays", idpmock.Fault{Response: idpmock.ResponseNoRefreshToken}, patient,
			good, 1},
		{"RT-11 no expires_in", idpmock.Fault{Response: idpmock.ResponseNoExpiresIn}, patient, good, 1},
		{"RT-11 token_type in any case", idpmock.Fault{Response: idpmock.ResponseTokenTypeCase}, patient, good, 1},
	} {
		t.Run(row.rule, func(t *testing.T) {
			inBubble(t, setup{client: longToken, idp: row.idp}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				time.Sleep(6 * time.Minute)
				if row.fault.String() != "" {
					row.fault.Endpoint = idpmock.EndpointRefresh
					w.idp.Fault(row.fault)
				}
				a := v.fetch("/private")
				w.idp.Expect(idpmock.EndpointRefresh, "notes", row.calls)
				w.idp.Expect(idpmock.EndpointUserinfo, "notes", 0)
				switch row.want {
				case good:
					if a.status != 200 {
						t.Errorf("%v", a)
					}
				case kept:
					if a.status != 503 || a.header.Get("Retry-After") == "" {
						t.Errorf("%v", a)
					}
				case ended, other:
					if a.status != 401 {
						t.Errorf("%v", a)
					}
					reason := map[int]reason.Reason{ended: reason.RefreshRejected, other: reason.OtherSubject}[row.want]
					v.expect("ended", reason)
					w.expectEnds(reason)
					return
				case asked:
					if a.status != 401 || !strings.Contains(a.body, "login_required") {
						t.Errorf("%v", a)
					}
					v.expect("live", "")
					w.expectEnds()
					if a := v.get("/private"); a.status != 302 || !strings.Contains(a.location(), "anew=1") {
						t.Errorf("a navigation: %v", a)
					}
					return
				}
				v.expect("live", "")
				for range 3 { // and it goes on
					time.Sleep(30 * time.Second)
					v.welcome()
				}
				time.Sleep(6 * time.Minute)
				v.welcome()
				w.expectEnds()
				if w.log.has("eyJ") {
					t.Error("a token is in the log")
				}
			})
		})
	}
}

// RT-07: nothing was sent, so nothing is spent, and TLS trouble is loud.
func TestRefreshCannotConnect(t *testing.T) {
	for name, cause := range map[string]error{"refused": errRefused, "TLS": errCertificate} {
		var client *http.Client
		inBubble(t, setup{client: longToken, idp: patient, config: func(c *rp.Config) {
			client = c.HTTPClient
		}}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			time.Sleep(6 * time.Minute)
			client.CloseIdleConnections()
			w.idp.Net.Fail("idp.example", cause)
			if a := v.get("/private"); a.status != 503 {
				t.Errorf("%s: %v", name, a)
			}
			if w.log.has("level=ERROR") != (name == "TLS") {
				t.Errorf("%s: alarmed %v", name, w.log.has("level=ERROR"))
			}
			w.idp.Net.Fail("idp.example", nil)
			w.idp.Expect(idpmock.EndpointRefresh, "notes", 0)
			time.Sleep(time.Minute)
			v.welcome()
			w.expectEnds()
		})
	}
}

// RT-13: the IdP wants to see the person. A script hears 401, a click leads to
// the log-in, the old session is kept until the new one replaces it.
func TestInteractionRequired(t *testing.T) {
	inBubble(t, setup{client: longToken, idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(6 * time.Minute)
		f := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Times: idpmock.Always,
			Error: "interaction_required"})
		if a := v.fetch("/private"); a.status != 401 {
			t.Errorf("%v", a)
		}
		a := v.get("/private")
		if a.status != 302 || a.location() != "/auth/login?return_to=%2Fprivate&anew=1" {
			t.Errorf("%v", a)
		}
		v.expect("live", "")
		f.Remove()
		v.get(v.authorize(v.start(a.location())))
		v.welcome()
		w.expectEnds(reason.Replaced)
	})
}

// CORE-10: a refresh that changes the sid moves the session; logout tokens find
// it under the new one and, if they were on their way, under the old one.
func TestChangedSID(t *testing.T) {
	for _, old := range []bool{false, true} {
		inBubble(t, setup{client: longToken, idp: patient}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			before := v.session()
			time.Sleep(6 * time.Minute)
			w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, IDToken: idpmock.IDTokenChangedSid})
			var sid string
			w.run = func(_ http.ResponseWriter, _ *http.Request, s *rp.Session) { sid = s.SID() }
			v.fetch("/run")
			if sid == "" || sid == before.SID {
				t.Fatalf("sid is %q", sid)
			}
			if !old {
				before.SID, before.Clients = sid, nil
			}
			w.judged(w.deliver(w.logoutToken(before, idpmock.LogoutSidOnly)), true)
			v.expect("ended", reason.BackchannelLogout)
		})
	}
}

// CORE-10, C5: the tokens that came beside another person's ID token replace the session's
// own at an IdP that rotates. They are revoked with it, also where that takes the client's
// part of the IdP session along.
func TestTokensOfAnotherPersonAreRevoked(t *testing.T) {
	inBubble(t, at(t, "keycloak", setup{}), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, IDToken: idpmock.IDTokenInvalidSub})
		for range 10 {
			time.Sleep(time.Minute)
			v.get("/private")
		}
		w.expectEnds(reason.OtherSubject)
		w.idp.Expect(idpmock.EndpointRevoke, "notes", 4) // two of the session, two that came
	})
}

// C8: a refusal that the store could not take down is a refusal when it comes again, and
// no doubt about the token.
func TestRefusalWhileTheStoreEndsNothing(t *testing.T) {
	s, kept := flaky(nil)
	inBubble(t, s, func(t *testing.T, w *world) {
		w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
		v := w.visitor("ada")
		v.login()
		if err := w.idp.EndSession(v.session().SID); err != nil {
			t.Fatal(err)
		}
		kept.breaks("End")
		for range 4 {
			time.Sleep(6 * time.Minute)
			if a := v.get("/private"); a.status != http.StatusServiceUnavailable {
				t.Errorf("after %v: %v", w.age(), a)
			}
		}
		kept.heals()
		time.Sleep(time.Minute)
		v.get("/private")
		w.expectEnds(reason.RefreshRejected)
	})
}

// C4: an instance that is shutting down shows no refresh token any more: with a slow store
// there may be no time left to keep what comes.
func TestNoRefreshOnceClosing(t *testing.T) {
	s, kept := flaky(nil)
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(6 * time.Minute)
		kept.late = 3 * time.Second
		kept.breaks("Replace")
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			v.get("/private")
		}()
		time.Sleep(time.Second)
		if err := w.auth[0].Close(); err != nil {
			t.Error(err)
		}
		<-asked
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 0)
	})
}

// C6: fresh tokens do not wait long for the IdP's keys: if the process died meanwhile, they would
// be lost. The ID token that came with them is left out.
func TestFreshTokensDoNotWaitForKeys(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(6 * time.Minute)
		never := make(chan struct{})
		defer close(never)
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, IDToken: idpmock.IDTokenRotatedKey})
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointJWKS, Gate: never, Times: idpmock.Always})
		before := time.Now()
		if a := v.get("/private"); a.status != http.StatusOK {
			t.Error(a)
		}
		if took := time.Since(before); took > 6*time.Second {
			t.Errorf("the page took %v", took)
		}
		w.expectEnds()
	})
}
