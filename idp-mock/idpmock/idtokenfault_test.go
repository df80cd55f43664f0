package idpmock_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

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
