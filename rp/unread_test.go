package rp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// [fapi2 invalid-alternate-alg, H -wrong-alg] What is signed with another algorithm is named
// with both algorithms: at a log-in, at a refresh, which keeps the session, and as a logout
// token, which is no finding, because anybody may have sent it.
func TestOtherAlgIsNamed(t *testing.T) {
	const says = `it is signed with \"RS256\", and ES256 is expected`
	other := idpmock.Fault{IDToken: idpmock.IDTokenAlternateAlg}
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		raw := w.logoutToken(v.session(), idpmock.LogoutWrongAlg)
		w.judged(w.deliver(raw), false)
		if !w.log.has("a logout token was refused") || !w.log.has(says) || w.hasFinding("unreadable") {
			t.Errorf("%v\n%s", w.auth[0].Findings(), w.log)
		}
		other.Endpoint = idpmock.EndpointRefresh
		w.idp.Fault(other)
		time.Sleep(6 * time.Minute)
		v.welcome()
		if !w.log.has("the ID token of a refresh is not valid, so it is not used") {
			t.Errorf("%s", w.log)
		}
		w.found("unreadable", "ES256", "RS256", "Config.IDTokenAlg")
		w.expectEnds()
	})
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		back := v.authorize(v.start("/auth/login"))
		other.Endpoint = idpmock.EndpointCode
		w.idp.Fault(other)
		if a := v.get(back); a.status != http.StatusBadRequest || !w.log.has(says) {
			t.Errorf("%v\n%s", a, w.log)
		}
		w.found("unreadable", "ES256", "RS256", "Config.IDTokenAlg")
	})
}

// A key that the IdP does not show is named at a log-in.
func TestUnknownKeyIsNamed(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		back := v.authorize(v.start("/auth/login"))
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, IDToken: idpmock.IDTokenUnknownKid})
		if a := v.get(back); a.status != http.StatusBadRequest || !w.log.has("no key of the IdP verifies") {
			t.Errorf("%v\n%s", a, w.log)
		}
		w.found("unreadable", "jwks_uri")
	})
}

// BCL-04: a logout token, userinfo and a signed answer that are encrypted for a key which is
// not here say so, each in its place.
func TestEncryptedIsNamedEverywhere(t *testing.T) {
	const says = "it is encrypted with RSA-OAEP-256 and A256GCM"
	blind := func(s setup) setup {
		s = keyed(t, s)
		config := s.config
		s.config = func(c *rp.Config) {
			config(c)
			c.DecryptionKeys = nil
		}
		return s
	}
	ciphered := func(c *idpmock.Client) { c.Encrypted = "RSA-OAEP-256" }
	inBubble(t, blind(setup{}), func(t *testing.T, w *world) {
		raw := "eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIn0.AA.AA.AA.AA"
		w.judged(w.deliver(raw), false)
		if !w.log.has(says) || w.hasFinding("unreadable") {
			t.Errorf("%s", w.log)
		}
	})
	inBubble(t, blind(setup{client: ciphered, config: func(c *rp.Config) { c.ResponseMode = "jwt" }}),
		func(t *testing.T, w *world) {
			v := w.visitor("ada")
			if a := v.get(v.authorize(v.start("/auth/login"))); a.status != http.StatusBadRequest || !w.log.has(says) {
				t.Errorf("%v\n%s", a, w.log)
			}
		})
	for _, needed := range []bool{false, true} { // by the app
		s := blind(setup{kind: rp.ReferenceToken, idp: patient})
		config := s.config
		s.config = func(c *rp.Config) {
			config(c)
			c.UserinfoClaims = needed
		}
		inBubble(t, s, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			back := v.authorize(v.start("/auth/login"))
			defer w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointUserinfo, Status: 200, Times: idpmock.Always,
				Body:   "eyJhbGciOiJSU0EtT0FFUC0yNTYiLCJlbmMiOiJBMjU2R0NNIn0.AA.AA.AA.AA",
				Header: map[string]string{"Content-Type": "application/jwt"}}).Remove()
			a := v.get(back)
			if needed != (a.status == http.StatusBadGateway) || !w.log.has(says) {
				t.Errorf("needed %v: %v\n%s", needed, a, w.log)
			}
			w.found("unreadable", says, "userinfo", "Config.DecryptionKeys")
		})
	}
}

// A signed answer by another algorithm is named, and one that is none at all.
func TestResponseIsNamed(t *testing.T) {
	s := keyed(t, setup{config: func(c *rp.Config) { c.ResponseMode = "jwt" }})
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		back := v.authorize(v.start("/auth/login"))
		parts := strings.Split(query(back).Get("response"), ".")
		forged := url.Values{"response": {"eyJhbGciOiJub25lIn0." + parts[1] + "."}}
		if a := v.get(base + "/auth/callback?" + forged.Encode()); a.status != http.StatusBadRequest ||
			!w.log.has(`it is signed with \"none\", and ES256 is expected`) {
			t.Errorf("%v\n%s", a, w.log)
		}
	})
}
