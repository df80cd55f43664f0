package rp_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

var fromIdP = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}} // no cookie, no browser

// deliver posts a logout token as an IdP does.
func (w *world) deliver(raw string) *reply {
	w.Helper()
	return w.visitor("").do("POST", "/auth/backchannel-logout", url.Values{"logout_token": {raw}}, fromIdP)
}

func (w *world) logoutToken(s idpmock.Session, faults ...idpmock.LogoutFault) string {
	w.Helper()
	raw, err := w.idp.LogoutToken("notes", s, faults...)
	if err != nil {
		w.Fatal(err)
	}
	return raw
}

// judged checks an answer of the endpoint: 200 and empty, or 400 and JSON, never
// stored (BCL-21, BCL-22, BCL-23).
func (w *world) judged(a *reply, good bool) {
	w.Helper()
	if a.header.Get("Cache-Control") != "no-store" {
		w.Errorf("the answer may be stored: %v", a)
	}
	if good {
		if a.status != 200 || a.body != "" {
			w.Errorf("want 200 and nothing more: %v", a)
		}
		return
	}
	var problem struct {
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal([]byte(a.body), &problem); err != nil || a.status != 400 ||
		problem.Error != "invalid_request" || problem.Description == "" ||
		a.header.Get("Content-Type") != "application/json" {
		w.Errorf("want 400 and JSON: %v", a)
	}
}

// Every H-LOGOUT row and every gap named under it, through HTTP, lenient and
// strict. What is accepted ends the session; what is refused leaves it alone.
func TestLogoutTokens(t *testing.T) {
	const (
		never   = iota
		lenient // only
		always
		nobody // accepted, but about no session of ours
	)
	rows := map[idpmock.LogoutFault]int{
		// oidcc-client-test-rp-backchannel-rpinitlogout…
		"": always, idpmock.LogoutAlgNone: never, idpmock.LogoutWrongAlg: never, idpmock.LogoutWrongIss: never,
		idpmock.LogoutWrongAud: never,
		idpmock.LogoutNoEvent:  never, idpmock.LogoutWrongEvent: never, idpmock.LogoutWithNonce: never,
		// exp, iat
		idpmock.LogoutNoExp: lenient, idpmock.LogoutLongExp: always, idpmock.LogoutExpired: never,
		idpmock.LogoutNoIat: never, idpmock.LogoutFutureIat: never, idpmock.LogoutOldIat: never,
		// jti, typ
		idpmock.LogoutNoJti: never, idpmock.LogoutFixedJti: always,
		idpmock.LogoutNoTyp: lenient, idpmock.LogoutTypJWT: lenient, idpmock.LogoutTypApplication: always,
		idpmock.LogoutTypAccessToken: never, idpmock.LogoutTypSecurityEvent: never,
		// sid, sub
		idpmock.LogoutSidOnly: always, idpmock.LogoutSubOnly: always, idpmock.LogoutNoSubNoSid: never,
		idpmock.LogoutEmptySubEmptySid: never,
		idpmock.LogoutNumericSid:       never, idpmock.LogoutOtherSub: never, idpmock.LogoutUnknownSid: nobody,
		idpmock.LogoutUnknownSub: nobody,
		// iss, aud, events, nonce
		idpmock.LogoutNoIss: never, idpmock.LogoutNoAud: never, idpmock.LogoutAudArray: always,
		idpmock.LogoutExtraAud:        never,
		idpmock.LogoutEventsNotObject: never, idpmock.LogoutEventNotObject: never, idpmock.LogoutExtraEvent: always,
		idpmock.LogoutExtraClaim: always, idpmock.LogoutNullNonce: never,
		// keys and form
		idpmock.LogoutUnknownKid: never, idpmock.LogoutNoKid: always, idpmock.LogoutEmbeddedKey: never,
		idpmock.LogoutRotatedKey:   always,
		idpmock.LogoutBadSignature: never, idpmock.LogoutHS256: never, idpmock.LogoutIsIDToken: never,
		idpmock.LogoutNotAJWT: never, idpmock.LogoutHuge: never,
		// as real providers send them
		idpmock.LogoutLikeHydra: lenient, idpmock.LogoutLikeDex: lenient, idpmock.LogoutLikeZitadel: lenient,
		idpmock.LogoutLikeOldKeycloak: lenient,
	}
	for _, fault := range idpmock.LogoutFaults() {
		if _, ok := rows[fault]; !ok {
			t.Errorf("no row for %s", fault)
		}
	}
	for alg, strict := range map[string]bool{"RS256": false, "ES256": true} {
		s := setup{
			idp:    func(c *idpmock.Config) { c.SigningAlg = alg },
			config: func(c *rp.Config) { c.IDTokenAlg, c.StrictLogoutToken = alg, strict },
		}
		inBubble(t, s, func(t *testing.T, w *world) {
			for fault, row := range rows {
				v := w.visitor("ada")
				v.login()
				time.Sleep(time.Minute) // let the interval between two fetches of keys pass
				a := w.deliver(w.logoutToken(v.session(), fault))
				good := row == always || row == nobody || row == lenient && !strict
				before := t.Failed()
				w.judged(a, good)
				if good && row != nobody {
					v.expect("ended", reason.BackchannelLogout)
				} else {
					v.expect("live", "")
				}
				if t.Failed() && !before {
					t.Errorf("that was %s %q, strict %v", alg, fault, strict)
				}
				time.Sleep(2 * time.Second) // a sub-only token refuses log-ins that begin with it
			}
		})
	}
}

// BCL-03 and the form of the request.
func TestBackchannelRequests(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		form := func(token string) string { return url.Values{"logout_token": {token}}.Encode() }
		v := w.visitor("ada")
		v.login()
		good := w.logoutToken(v.session())
		const urlencoded = "application/x-www-form-urlencoded"
		for name, row := range map[string]struct{ contentType, query, body string }{
			"no body":               {urlencoded, "", ""},
			"another field":         {urlencoded, "", url.Values{"token": {good}}.Encode()},
			"an empty token":        {urlencoded, "", "logout_token="},
			"the token twice":       {urlencoded, "", form(good) + "&" + form(good)},
			"two tokens":            {urlencoded, "", form(good) + "&" + form("x")},
			"in the query":          {urlencoded, "?" + form(good), ""},
			"JSON":                  {"application/json", "", `{"logout_token":"` + good + `"}`},
			"the bare token":        {"application/logout+jwt", "", good},
			"no Content-Type":       {"", "", form(good)},
			"a broken Content-Type": {";;;", "", form(good)},
			"multipart": {"multipart/form-data; boundary=b", "",
				"--b\r\nContent-Disposition: form-data; name=\"logout_token\"\r\n\r\n" + good + "\r\n--b--\r\n"},
			"a broken escape":             {urlencoded, "", "logout_token=%zz"},
			"BCL-25 a megabyte":           {urlencoded, "", form(strings.Repeat("A", 1<<20))},
			"BCL-25 a megabyte beside it": {urlencoded, "", form(good) + "&x=" + strings.Repeat("A", 1<<20)},
			"BCL-25 a megabyte of fields": {urlencoded, "", form(good) + strings.Repeat("&a=b", 1<<18)},
		} {
			h := http.Header{}
			if row.contentType != "" {
				h.Set("Content-Type", row.contentType)
			}
			if a := w.post("/auth/backchannel-logout"+row.query, row.body, h); a.status != 400 {
				t.Errorf("%s: %v", name, a)
			} else {
				w.judged(a, false)
			}
		}
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"} {
			a := w.visitor("").do(method, "/auth/backchannel-logout?"+form(good), nil, bare)
			if a.status != http.StatusMethodNotAllowed || a.header.Get("Allow") != "POST" {
				t.Errorf("%s: %v", method, a)
			}
		}
		v.expect("live", "")
		// ⚑ No dependence on cookies, CSRF checks or CORS; other fields do no harm.
		other := w.visitor("bob")
		other.login()
		a := other.do("POST", "/auth/backchannel-logout", url.Values{"logout_token": {good}, "x": {"1", "2"}},
			with(navigating, "Origin", issuer, "Sec-Fetch-Site", "cross-site", "Content-Type",
				urlencoded+"; charset=UTF-8"))
		w.judged(a, true)
		v.expect("ended", reason.BackchannelLogout)
		other.expect("live", "")
		if w.log.has(good) || w.log.has("eyJ") || w.log.has(v.session().SID) {
			t.Error("a logout token, or its sid, is in the log")
		}
	})
}

// post sends any body.
func (w *world) post(path, body string, h http.Header) *reply {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), "POST", base+path, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	req.Header = h
	resp, err := w.visitor("").http.Do(req)
	if err != nil {
		w.Fatal(err)
	}
	return &reply{resp.StatusCode, resp.Header, readAll(w.T, resp)}
}

// BCL-13, BCL-14: the same token again. By default a lost answer may be fetched
// once more; strictly a replay is refused. It never ends what began later.
func TestReplayedLogoutToken(t *testing.T) {
	for _, strict := range []bool{false, true} {
		for _, fault := range []idpmock.LogoutFault{"", idpmock.LogoutSubOnly} {
			inBubble(t, setup{config: func(c *rp.Config) {
				c.StrictLogoutToken = strict
			}}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				raw := w.logoutToken(v.session(), fault)
				w.judged(w.deliver(raw), true)
				w.judged(w.deliver(raw), !strict)
				time.Sleep(2 * time.Second)
				v.idp = w.idp.Browser("ada") // signs in at the IdP again: another sid
				v.login()
				w.judged(w.deliver(raw), !strict)
				v.expect("live", "")
				w.expectEnds(reason.BackchannelLogout)
			})
		}
	}
}

// BCL-15: whom a token means.
func TestWhomALogoutTokenMeans(t *testing.T) {
	for fault, want := range map[idpmock.LogoutFault][4]bool{ // ends desktop, second profile, phone, bob
		idpmock.LogoutSidOnly: {true, true, false, false},
		"":                    {true, true, false, false},
		idpmock.LogoutSubOnly: {true, true, true, false},
	} {
		inBubble(t, setup{}, func(t *testing.T, w *world) {
			desktop, second, phone, bob := w.visitor("ada"), w.visitor("ada"), w.visitor("ada"), w.visitor("bob")
			second.idp = desktop.idp // one IdP session, two app sessions
			all := []*visitor{desktop, second, phone, bob}
			for _, v := range all {
				v.login()
			}
			w.judged(w.deliver(w.logoutToken(desktop.session(), fault)), true)
			for i, v := range all {
				if want[i] {
					v.expect("ended", reason.BackchannelLogout)
				} else {
					v.expect("live", "")
				}
			}
		})
	}
}

// BCL-18: a sub-only token ends what began before it, not what comes after, even
// if it is delivered late.
func TestLateSubTokenSparesLaterLogins(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		early, late := w.visitor("ada"), w.visitor("ada")
		early.login()
		raw := w.logoutToken(early.session(), idpmock.LogoutSubOnly)
		time.Sleep(2 * time.Second)
		late.login()
		time.Sleep(30 * time.Second)
		w.judged(w.deliver(raw), true)
		early.expect("ended", reason.BackchannelLogout)
		late.expect("live", "")
		time.Sleep(time.Millisecond)
		again := w.visitor("ada")
		again.login()
		again.expect("live", "")
	})
}

// BCL-18: so too where the IdP's clock is ahead of ours: who logs in again right
// after a sub-only logout is let in.
func TestLoginRightAfterASubTokenOfAFastClock(t *testing.T) {
	s := setup{idp: func(c *idpmock.Config) { c.Now = func() time.Time { return time.Now().Add(45 * time.Second) } }}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(10 * time.Second)
		w.judged(w.deliver(w.logoutToken(v.session(), idpmock.LogoutSubOnly)), true)
		v.expect("ended", reason.BackchannelLogout)
		time.Sleep(time.Second)
		v.login()
		v.expect("live", "")
	})
}

// BCL-15: a sid is unique only within its issuer, and so are our sessions: a
// token of another tenant of the same IdP, rightly signed, ends nothing here.
func TestCrossTenantLogout(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for _, faults := range [][]idpmock.LogoutFault{
			{idpmock.LogoutWrongIss}, {idpmock.LogoutWrongIss, idpmock.LogoutSidOnly},
			{idpmock.LogoutWrongIss, idpmock.LogoutSubOnly}, {idpmock.LogoutWrongAud, idpmock.LogoutSidOnly},
		} {
			w.judged(w.deliver(w.logoutToken(v.session(), faults...)), false)
		}
		v.expect("live", "")
		w.expectEnds()
	})
}

// BCL-18: iat has whole seconds. A session that began earlier within that second
// had begun before the log-out.
func TestSubTokenOfTheSameSecond(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		time.Sleep(300 * time.Millisecond)
		v.login()
		time.Sleep(300 * time.Millisecond)
		w.judged(w.deliver(w.logoutToken(v.session(), idpmock.LogoutSubOnly)), true)
		v.expect("ended", reason.BackchannelLogout)
	})
}

// BCL-08: another audience beside ClientID is good if Config.TrustedAudiences names it.
func TestLogoutTokenForAnotherAudienceToo(t *testing.T) {
	for _, trusted := range []bool{false, true} {
		s := setup{config: func(c *rp.Config) {
			if trusted {
				c.TrustedAudiences = []string{"somebody-else"}
			}
		}}
		inBubble(t, s, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			w.judged(w.deliver(w.logoutToken(v.session(), idpmock.LogoutExtraAud)), trusted)
			if trusted {
				v.expect("ended", reason.BackchannelLogout)
			} else {
				v.expect("live", "")
			}
		})
	}
}
