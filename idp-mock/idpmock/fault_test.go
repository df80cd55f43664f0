package idpmock_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

func refreshForm(tok answer) url.Values {
	return url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tok.text("refresh_token")}}
}

// The rows RT-* by their faults.
func TestFaultAnswers(t *testing.T) {
	for name, tt := range map[string]struct {
		fault  idpmock.Fault
		status int
		code   string
	}{
		"RT-01": {idpmock.Fault{Error: "invalid_grant"}, 400, "invalid_grant"},
		"RT-02": {idpmock.Fault{Status: 401, Error: "invalid_client"}, 401, "invalid_client"},
		"RT-03": {idpmock.Fault{Error: "unauthorized_client"}, 400, "unauthorized_client"},
		"RT-04": {idpmock.Fault{Error: "invalid_scope"}, 400, "invalid_scope"},
		"RT-05": {idpmock.Fault{Status: 503, RetryAfter: "7"}, 503, ""},
		"RT-06": {idpmock.Fault{Status: 429, RetryAfter: "Fri, 31 Dec 1999 23:59:59 GMT"}, 429, ""},
		"RT-09": {idpmock.Fault{Body: "<html>", ContentType: "text/html"}, 200, ""},
		"RT-12": {idpmock.Fault{Error: "use_dpop_nonce", Header: map[string]string{"DPoP-Nonce": "n1"}}, 400,
			"use_dpop_nonce"},
		"RT-13": {idpmock.Fault{Error: "interaction_required"}, 400, "interaction_required"},
		"RT-14": {idpmock.Fault{Status: 418}, 418, ""},
		"RT-15": {idpmock.Fault{Status: 302, Header: map[string]string{"Location": "https://elsewhere.example/"}}, 302,
			""},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				tok := w.login(w.Browser("ada"), "notes")
				tt.fault.Endpoint, tt.fault.Client = idpmock.EndpointRefresh, "notes"
				f := w.Fault(tt.fault)
				if a := w.refresh("notes", tok.text("refresh_token")); a.status != tt.status ||
					a.text("error") != tt.code {
					t.Errorf("%v", a)
				}
				if f.Hits() != 1 || len(w.ActiveFaults()) != 0 {
					t.Errorf("%d hits, still in force: %v", f.Hits(), w.ActiveFaults())
				}
				if a := w.refresh("notes", tok.text("refresh_token")); a.status != 200 { // nothing had happened
					t.Errorf("afterwards: %v", a)
				}
			})
		})
	}
}

func TestFaultsChooseTheirRequests(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Client: "notes", Status: 500, Skip: 1, Times: 2})
		b := w.Browser("ada")
		notes, mail := w.login(b, "notes"), w.login(b, "mail")
		var got []int
		for range 4 {
			a := w.refresh("notes", notes.text("refresh_token"))
			if got = append(got, a.status); a.status == 200 {
				notes = a
			}
		}
		if got[0] != 200 || got[1] != 500 || got[2] != 500 || got[3] != 200 {
			t.Errorf("%v", got)
		}
		always := w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointToken, Client: "mail", Status: 500,
			Times: idpmock.Always})
		for range 3 {
			if a := w.refresh("mail", mail.text("refresh_token")); a.status != 500 {
				t.Error(a)
			}
		}
		always.Remove()
		if a := w.refresh("mail", mail.text("refresh_token")); a.status != 200 {
			t.Error(a)
		}
		w.Fault(idpmock.Fault{Status: 500, Times: idpmock.Always})
		w.ClearFaults()
		if a := w.userinfo(notes.text("access_token")); a.status != 200 {
			t.Error(a)
		}
	})
}

// RT-07 and RT-08: cut before, the token is still good; cut after commit, it is
// consumed.
func TestDroppedConnections(t *testing.T) {
	for name, tt := range map[string]struct {
		fault idpmock.Fault
		again int
	}{"before": {idpmock.Fault{DropBefore: true}, 200}, "after commit": {idpmock.Fault{DropAfterCommit: true}, 400}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				tok := w.login(w.Browser("ada"), "notes")
				tt.fault.Endpoint = idpmock.EndpointRefresh
				w.Fault(tt.fault)
				if a, err := w.post(idpmock.PathToken, "notes", refreshForm(tok)); err == nil {
					t.Errorf("an answer came: %v", a)
				}
				if a := w.refresh("notes", tok.text("refresh_token")); a.status != tt.again {
					t.Errorf("afterwards %v, want %d", a, tt.again)
				}
			})
		})
	}
}

// With a grace the lost answer can be had again, and only for a while.
func TestReuseGrace(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) { c.RefreshReuseGrace = 30 * time.Second }, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes")
		w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, DropAfterCommit: true})
		w.post(idpmock.PathToken, "notes", refreshForm(tok))
		time.Sleep(29 * time.Second)
		next := w.refresh("notes", tok.text("refresh_token"))
		if next.status != 200 {
			t.Fatal(next)
		}
		time.Sleep(time.Second)
		if a := w.refresh("notes", tok.text("refresh_token")); a.text("error") != "invalid_grant" {
			t.Error(a)
		}
		if a := w.refresh("notes", next.text("refresh_token")); a.text("error") != "invalid_grant" {
			t.Errorf("the family survived reuse: %v", a)
		}
	})
}

func TestSlowAnswers(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes")
		w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Delay: 3 * time.Second, DelayAfter: 4 * time.Second})
		begun := time.Now()
		if a := w.refresh("notes", tok.text("refresh_token")); a.status != 200 || time.Since(begun) != 7*time.Second {
			t.Errorf("%v after %v", a, time.Since(begun))
		}
	})
}

// A gate holds a request after it has taken effect: here a logout comes between
// the rotation and its answer.
func TestGates(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes")
		gate := make(chan struct{})
		f := w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, GateAfter: gate})
		done := make(chan answer)
		go func() { done <- w.refresh("notes", tok.text("refresh_token")) }()
		<-f.Arrived()
		synctest.Wait()
		if len(done) != 0 {
			t.Fatal("answered")
		}
		w.EndUser("ada")
		close(gate)
		a := <-done
		if a.status != 200 || a.text("refresh_token") == "" {
			t.Fatal(a)
		}
		if a := w.refresh("notes", a.text("refresh_token")); a.text("error") != "invalid_grant" {
			t.Errorf("tokens of an ended session: %v", a)
		}
	})
}

// A browser that is cut off sees it.
func TestBrowserIsCutOff(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointAuthorize, DropBefore: true})
		if _, err := w.Browser("ada").Authorize(t.Context(), authURL(w.URL, "notes")); err != idpmock.ErrConnectionCut {
			t.Error(err)
		}
		w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointAuthorize, Delay: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.Browser("ada").Authorize(ctx, authURL(w.URL, "notes")); err != idpmock.ErrConnectionCut {
			t.Error(err)
		}
	})
}

func TestResponseFaults(t *testing.T) {
	for _, fault := range idpmock.ResponseFaults() {
		switch fault {
		case idpmock.RedirectOtherState, idpmock.RedirectNoState, idpmock.RedirectOtherIss, idpmock.RedirectNoIss,
			idpmock.ResponseIssuerMismatch:
			continue // TestRedirectFaults, TestNamedFaults
		}
		t.Run(string(fault), func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				tok := w.login(w.Browser("ada"), "notes")
				ep := idpmock.EndpointRefresh
				if fault == idpmock.ResponseWrongSub || fault == idpmock.ResponseNoSub {
					ep = idpmock.EndpointUserinfo
				}
				w.Fault(idpmock.Fault{Endpoint: ep, Response: fault})
				var a answer
				if ep == idpmock.EndpointUserinfo {
					a = w.userinfo(tok.text("access_token"))
				} else {
					a = w.refresh("notes", tok.text("refresh_token"))
				}
				has := func(name string) bool { _, ok := a.fields[name]; return ok }
				if a.status != 200 {
					t.Fatal(a.status)
				}
				var ok bool
				switch fault {
				case idpmock.ResponseNotJSON, idpmock.ResponseTruncated, idpmock.ResponseEmpty:
					ok = a.fields == nil
				case idpmock.ResponseNoAccessToken:
					ok = !has("access_token") && has("refresh_token")
				case idpmock.ResponseNoTokenType:
					ok = !has("token_type") && has("access_token")
				case idpmock.ResponseNoExpiresIn:
					ok = !has("expires_in") && has("access_token")
				case idpmock.ResponseExpiresInText:
					ok = a.text("expires_in") == "300"
				case idpmock.ResponseNoIDToken:
					ok = !has("id_token") && has("access_token")
				case idpmock.ResponseTokenTypeCase:
					ok = a.text("token_type") == "bEARER"
				case idpmock.ResponseTokenTypeOther:
					ok = a.text("token_type") == "DPoP"
				case idpmock.ResponseHuge:
					ok = len(a.text("padding")) > 1<<20
				case idpmock.ResponseWrongSub:
					ok = has("sub") && a.text("sub") != "ada"
				case idpmock.ResponseNoSub:
					ok = !has("sub") && has("name")
				case idpmock.ResponseNoRefreshToken:
					// the old one stays good
					ok = !has("refresh_token") && w.refresh("notes", tok.text("refresh_token")).status == 200
				}
				if !ok {
					t.Errorf("%v", a)
				}
			})
		})
	}
}

// keysOf fetches the JWKS.
func keysOf(w *world) jose.JSONWebKeySet {
	w.t.Helper()
	resp, err := w.http.Get(w.URL + idpmock.PathJWKS)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(body, &set); err != nil {
		w.t.Fatal(err)
	}
	return set
}

// verifies reports whether a published key with the token's kid and algorithm
// verifies it.
func verifies(w *world, raw string) bool {
	w.t.Helper()
	jws, err := jose.ParseSignedCompact(raw, []jose.SignatureAlgorithm{jose.ES256, jose.RS256})
	if err != nil {
		return false
	}
	for _, key := range keysOf(w).Keys {
		if kid := jws.Signatures[0].Header.KeyID; kid != "" && kid != key.KeyID {
			continue
		}
		if _, err := jws.Verify(key); err == nil {
			return true
		}
	}
	return false
}

// Each ID-token fault does what its name says and nothing else.
func TestIDTokenFaults(t *testing.T) {
	for _, fault := range idpmock.IDTokenFaults() {
		t.Run(string(fault), func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				b := w.Browser("ada")
				_, want := peek(t, w.login(b, "notes").text("id_token"))
				w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, IDToken: fault})
				raw := w.login(b, "notes").text("id_token")
				if fault == idpmock.IDTokenNotAJWT {
					if raw != "not-a-jwt" {
						t.Error(raw)
					}
					return
				}
				header, got := peek(t, raw)
				changed := map[string]bool{}
				for _, name := range []string{"iss", "sub", "aud", "azp", "iat", "exp", "nonce", "auth_time", "acr",
					"sid"} {
					if fmt.Sprint(got[name]) != fmt.Sprint(want[name]) {
						changed[name] = true
					}
				}
				verified := verifies(w, raw)
				signature := map[idpmock.IDTokenFault]bool{idpmock.IDTokenSigNone: true,
					idpmock.IDTokenInvalidSig: true, idpmock.IDTokenSigHS256: true, idpmock.IDTokenUnknownKid: true}
				if verified == signature[fault] {
					t.Errorf("verifies: %v", verified)
				}
				expect := map[idpmock.IDTokenFault]string{
					idpmock.IDTokenInvalidIss: "iss", idpmock.IDTokenInvalidIssuerIss: "iss",
					idpmock.IDTokenMissingIss: "iss", idpmock.IDTokenInvalidAud: "aud",
					idpmock.IDTokenMissingAud: "aud", idpmock.IDTokenAudArray: "aud",
					idpmock.IDTokenSecondaryAud: "aud azp", idpmock.IDTokenInvalidAzp: "azp",
					idpmock.IDTokenMissingSub: "sub", idpmock.IDTokenInvalidSub: "sub",
					idpmock.IDTokenMissingIat: "iat", idpmock.IDTokenFutureIat: "iat exp", idpmock.IDTokenOldIat: "iat",
					idpmock.IDTokenMissingExp: "exp", idpmock.IDTokenExpired: "exp",
					idpmock.IDTokenInvalidNonce: "nonce", idpmock.IDTokenMissingNonce: "nonce",
					idpmock.IDTokenMissingSid: "sid", idpmock.IDTokenChangedSid: "sid",
					idpmock.IDTokenChangedAuthTime: "auth_time", idpmock.IDTokenMissingAuthTime: "auth_time",
				}[fault]
				n := 0
				for name := range strings.FieldsSeq(expect) {
					if n++; !changed[name] {
						t.Errorf("%s is unchanged", name)
					}
				}
				if len(changed) != n {
					t.Errorf("changed: %v, want %q", changed, expect)
				}
				alg := map[idpmock.IDTokenFault]string{idpmock.IDTokenSigNone: "none", idpmock.IDTokenSigHS256: "HS256",
					idpmock.IDTokenAlternateAlg: "RS256"}[fault]
				if alg == "" {
					alg = "ES256"
				}
				if header["alg"] != alg {
					t.Errorf("alg %v, want %s", header["alg"], alg)
				}
				if _, kid := header["kid"]; kid == (fault == idpmock.IDTokenMissingKid ||
					fault == idpmock.IDTokenSigNone || fault == idpmock.IDTokenSigHS256) {
					t.Errorf("kid: %v", header["kid"])
				}
				if fault == idpmock.IDTokenTypLogout && header["typ"] != "logout+jwt" {
					t.Errorf("typ %v", header["typ"])
				}
			})
		})
	}
}

// The same for logout tokens; the verdict says which a client may take.
func TestLogoutFaults(t *testing.T) {
	for _, fault := range idpmock.LogoutFaults() {
		t.Run(string(fault), func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				b := w.Browser("ada")
				w.login(b, "notes")
				s := w.session(b)
				good, err := w.LogoutToken("notes", s)
				if err != nil {
					t.Fatal(err)
				}
				raw, err := w.LogoutToken("notes", s, fault)
				if err != nil {
					t.Fatal(err)
				}
				if raw == good || !verifies(w, good) && fault != idpmock.LogoutRotatedKey {
					t.Error("no difference, or the good one is bad")
				}
				if fault == idpmock.LogoutNotAJWT {
					return
				}
				verified := verifies(w, raw)
				unverifiable := map[idpmock.LogoutFault]bool{idpmock.LogoutAlgNone: true,
					idpmock.LogoutBadSignature: true, idpmock.LogoutHS256: true, idpmock.LogoutUnknownKid: true,
					idpmock.LogoutEmbeddedKey: true}
				if verified == unverifiable[fault] {
					t.Errorf("verifies: %v", verified)
				}
				if fault.Verdict() == idpmock.Accept && !conforming(t, w, s, raw) {
					t.Error("to be accepted, but it does not conform")
				}
				if fault.Verdict() == idpmock.Reject && verified && conforming(t, w, s, raw) {
					t.Error("to be rejected, but it conforms")
				}
				status, err := w.Deliver(t.Context(), "notes", raw)
				if err != nil || status != 200 || len(w.deliveries("notes")) != 1 {
					t.Errorf("delivery: %d %v", status, err)
				}
			})
		})
	}
}

// conforming is a strict reading of OpenID Connect Back-Channel Logout 1.0 §2.6
// and of the checklist's rows BCL-06 to BCL-15, written apart from the faults.
func conforming(t *testing.T, w *world, s idpmock.Session, raw string) bool {
	t.Helper()
	h, c := peek(t, raw)
	typ, _ := h["typ"].(string)
	if typ = strings.TrimPrefix(typ, "application/"); typ != "logout+jwt" || h["alg"] != "ES256" || h["kid"] == nil ||
		h["jwk"] != nil || len(raw) > 64<<10 {
		return false
	}
	text := func(name string) string { v, _ := c[name].(string); return v }
	number := func(name string) time.Time { v, _ := c[name].(float64); return time.Unix(int64(v), 0) }
	now := time.Now()
	aud := text("aud")
	if list, ok := c["aud"].([]any); ok && len(list) == 1 {
		aud, _ = list[0].(string)
	}
	events, _ := c["events"].(map[string]any)
	_, event := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
	_, nonce := c["nonce"]
	switch {
	case text("iss") != w.URL || aud != "notes" || !event || nonce || text("jti") == "":
		return false
	case number("iat").After(now.Add(time.Minute)) || now.Sub(number("iat")) > 5*time.Minute ||
		!number("exp").After(now):
		return false
	// BCL-10
	case c["sub"] != nil && text("sub") == "" || c["sid"] != nil && text("sid") == "" || text("sub") == "" &&
		text("sid") == "":
		return false
	case text("sid") == s.SID && text("sub") != "" && text("sub") != s.Subject:
		return false
	}
	return true
}

// RotateKeys keeps or drops the old key.
func TestRotateKeys(t *testing.T) {
	for _, keep := range []bool{false, true} {
		inBubble(t, nil, func(t *testing.T, w *world) {
			old := w.login(w.Browser("ada"), "notes").text("id_token")
			if err := w.RotateKeys(keep); err != nil {
				t.Fatal(err)
			}
			fresh := w.login(w.Browser("ada"), "notes").text("id_token")
			if !verifies(w, fresh) || verifies(w, old) != keep {
				t.Errorf("keep %v: old %v, new %v", keep, verifies(w, old), verifies(w, fresh))
			}
		})
	}
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.HideKeyIDs(true)
		for _, key := range keysOf(w).Keys {
			if key.KeyID != "" {
				t.Error("kid is shown")
			}
		}
	})
}

func TestUnknownNames(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		if _, err := w.LogoutToken("notes", idpmock.Session{}, "no-such-fault"); err == nil {
			t.Error("an unknown fault was taken")
		}
		if _, err := w.LogoutToken("nobody", idpmock.Session{}); err == nil {
			t.Error("an unknown client was taken")
		}
		if _, err := w.Deliver(t.Context(), "api", "x"); err == nil {
			t.Error("a client without back-channel URI was delivered to")
		}
	})
}
