package rp_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// The malformed ID tokens of table H, at a log-in through HTTP: refused with a
// page, no session, no further call (oidcc: "reject; no userinfo call").
func TestIDTokenFaultsAtLogin(t *testing.T) {
	accepted := map[idpmock.IDTokenFault]bool{
		idpmock.IDTokenAudArray: true, idpmock.IDTokenMissingAtHash: true, idpmock.IDTokenMissingKid: true,
		idpmock.IDTokenRotatedKey: true,
		idpmock.IDTokenMissingSid: true, idpmock.IDTokenChangedSid: true, idpmock.IDTokenChangedAuthTime: true,
		idpmock.IDTokenMissingAuthTime: true, idpmock.IDTokenNonceOnRefresh: true,
		idpmock.IDTokenInvalidCHash: true, // c_hash means nothing in the code flow (Core §3.3.2.11)
		idpmock.IDTokenInvalidSub:   true, // sub+"1" is just another person, at a log-in
	}
	for _, alg := range []string{"RS256", "ES256"} {
		s := setup{
			idp:    func(c *idpmock.Config) { c.SigningAlg = alg },
			config: func(c *rp.Config) { c.IDTokenAlg = alg },
		}
		inBubble(t, s, func(t *testing.T, w *world) {
			for _, fault := range idpmock.IDTokenFaults() {
				v := w.visitor("ada")
				callback := v.authorize(v.start("/auth/login"))
				w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, IDToken: fault})
				a := v.get(callback)
				if accepted[fault] {
					if a.status != http.StatusSeeOther || v.id() == "" {
						t.Errorf("%s %s: refused: %v", alg, fault, a)
					}
					continue
				}
				status, says := http.StatusBadRequest, "could not be trusted"
				if fault == idpmock.IDTokenHuge {
					status, says = http.StatusBadGateway, "too large"
				}
				if a.status != status || v.id() != "" || !strings.Contains(a.body, says) {
					t.Errorf("%s %s: %v", alg, fault, a)
				}
				v.expect("anonymous", "")
			}
			w.idp.Expect(idpmock.EndpointUserinfo, "", 0)
			if w.log.has("eyJ") {
				t.Error("a token is in the log")
			}
		})
	}
}

// What else the token endpoint may answer at a log-in. The person can always try
// again; nothing half-done remains.
func TestTokenEndpointFaultsAtLogin(t *testing.T) {
	for name, row := range map[string]struct {
		fault idpmock.Fault
		want  int
	}{
		"not JSON":                       {idpmock.Fault{Response: idpmock.ResponseNotJSON}, 503},
		"cut off":                        {idpmock.Fault{Response: idpmock.ResponseTruncated}, 503},
		"empty":                          {idpmock.Fault{Response: idpmock.ResponseEmpty}, 503},
		"huge":                           {idpmock.Fault{Response: idpmock.ResponseHuge}, 503},
		"no access_token":                {idpmock.Fault{Response: idpmock.ResponseNoAccessToken}, 400},
		"no token_type":                  {idpmock.Fault{Response: idpmock.ResponseNoTokenType}, 303},
		"no id_token":                    {idpmock.Fault{Response: idpmock.ResponseNoIDToken}, 400},
		"token_type in capitals (RT-11)": {idpmock.Fault{Response: idpmock.ResponseTokenTypeCase}, 303},
		"no expires_in (RT-11)":          {idpmock.Fault{Response: idpmock.ResponseNoExpiresIn}, 303},
		"no refresh_token":               {idpmock.Fault{Response: idpmock.ResponseNoRefreshToken}, 303},
		"invalid_grant":                  {idpmock.Fault{Error: "invalid_grant"}, 400},
		"invalid_client":                 {idpmock.Fault{Status: 401, Error: "invalid_client"}, 502},
		"unauthorized_client":            {idpmock.Fault{Error: "unauthorized_client"}, 502},
		"403 of a firewall":              {idpmock.Fault{Status: 403, Body: "<html>", ContentType: "text/html"}, 502},
		"302 to a portal": {idpmock.Fault{Status: 302,
			Header: map[string]string{"Location": "https://portal.example/"}, Body: "x"}, 502},
		"429":                  {idpmock.Fault{Status: 429, RetryAfter: "7"}, 503},
		"500":                  {idpmock.Fault{Status: 500}, 503},
		"503 until a date":     {idpmock.Fault{Status: 503, RetryAfter: "Sat, 01 Jan 2000 00:00:07 GMT"}, 503},
		"an error in a 200":    {idpmock.Fault{Status: 200, Body: `{"error":"invalid_grant"}`}, 400},
		"cut off before":       {idpmock.Fault{DropBefore: true}, 503},
		"cut off after commit": {idpmock.Fault{DropAfterCommit: true}, 503},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				callback := v.authorize(v.start("/auth/login"))
				row.fault.Endpoint = idpmock.EndpointCode
				w.idp.Fault(row.fault)
				a := v.get(callback)
				if a.status != row.want {
					t.Errorf("%v, want %d", a, row.want)
				}
				if (v.id() != "") != (row.want == 303) {
					t.Errorf("cookies after %d: %v", row.want, v.cookies())
				}
				if row.want == 503 && (a.header.Get("Retry-After") == "" ||
					!strings.Contains(a.body, `href="/auth/login?return_to=%2F"`)) {
					t.Errorf("no way to try again: %v", a)
				}
				if strings.Contains(a.body, "still logged in") {
					t.Errorf("nobody is logged in: %v", a)
				}
				if row.fault.RetryAfter != "" && a.header.Get("Retry-After") != "7" {
					t.Errorf("Retry-After is %q, want 7", a.header.Get("Retry-After"))
				}
				w.idp.Expect(idpmock.EndpointCode, "notes", 1) // a code is never sent twice
				if w.log.has(query(callback).Get("code")) {
					t.Error("the code is in the log")
				}
				v.login()
			})
		})
	}
}

// An IdP that cannot be reached at the callback.
func TestIdPDownAtTheCallback(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		callback := v.authorize(v.start("/auth/login"))
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, Delay: 1 << 40})
		a := v.get(callback)
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" {
			t.Errorf("%v", a)
		}
		if got := w.age(); got != 15*time.Second {
			t.Errorf("answered after %v, want Config.WaitFor (15 s)", got)
		}
	})
}
