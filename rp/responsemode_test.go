package rp_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/tandem-sso/tandem/rp"
)

var responseModes = []string{"", "form_post", "jwt", "query.jwt", "form_post.jwt"}

func byMode(t *testing.T, mode string) setup {
	return keyed(t, setup{config: func(c *rp.Config) { c.ResponseMode = mode }})
}

// switched is the same client with another mode.
func switched(s setup, mode string) setup {
	config := s.config
	s.config = func(c *rp.Config) {
		config(c)
		c.ResponseMode = mode
	}
	return s
}

// back is the IdP's answer as the browser brings it.
func (v *visitor) back(mode, callback string) *reply {
	v.w.Helper()
	if mode == "form_post" || mode == "form_post.jwt" {
		return v.again(v.cookieless("/auth/callback", query(callback), issuer))
	}
	return v.get(callback)
}

// A rolling update that changes Config.ResponseMode refuses no log-in in flight, in neither
// direction: each is finished by the mode that it asked for.
func TestResponseModeIsSwitched(t *testing.T) {
	for _, before := range responseModes {
		for _, after := range responseModes {
			t.Run(before+" to "+after, func(t *testing.T) {
				s := byMode(t, before)
				inBubble(t, s, func(t *testing.T, w *world) {
					v := w.visitor("ada")
					to := v.start("/auth/login?return_to=/private")
					if got := query(to).Get("response_mode"); got != before {
						t.Fatalf("asked for %q", got)
					}
					callback := v.authorize(to)
					w.restart(switched(s, after), w.keys...)
					if a := v.back(before, callback); a.status != http.StatusSeeOther || a.location() != "/private" {
						t.Fatalf("%v\n%s", a, w.log)
					}
					v.expect("live", "")
				})
			})
		}
	}
}

// JARM §2: whoever is in between can make a plain answer of a signed one, and cannot make it
// count: not while the configuration wants signatures, and not by an instance that does not.
// Nothing is spent: the IdP's own answer is good after it.
func TestResponseIsNotDowngraded(t *testing.T) {
	for _, row := range []struct{ asked, now string }{{"jwt", "jwt"}, {"jwt", ""}, {"form_post.jwt", "form_post"}} {
		s := byMode(t, row.asked)
		inBubble(t, s, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			to := v.start("/auth/login?return_to=/private")
			callback := v.authorize(to)
			w.restart(switched(s, row.now), w.keys...)
			plain := url.Values{"state": {query(to).Get("state")}, "code": {"stolen"}, "iss": {issuer}}
			if a := v.get(base + "/auth/callback?" + plain.Encode()); a.status != http.StatusBadRequest ||
				!w.log.has("asked for response_mode "+row.asked) {
				t.Errorf("%v: %v\n%s", row, a, w.log)
			}
			if a := v.back(row.asked, callback); a.status != http.StatusSeeOther || a.location() != "/private" {
				t.Errorf("%v: the good one after it: %v\n%s", row, a, w.log)
			}
		})
	}
	// The other way round: a signed answer where a plain one was asked for.
	inBubble(t, byMode(t, ""), func(t *testing.T, w *world) {
		v := w.visitor("ada")
		to := v.start("/auth/login?return_to=/private")
		fields := query(to)
		fields.Set("response_mode", "jwt")
		signed := v.authorize(issuer + "/authorize?" + fields.Encode())
		if query(signed).Get("response") == "" {
			t.Fatalf("%s", signed)
		}
		if a := v.get(signed); a.status != http.StatusBadRequest {
			t.Errorf("%v", a)
		}
		if a := v.get(v.authorize(to)); a.status != http.StatusSeeOther || a.location() != "/private" {
			t.Errorf("%v", a)
		}
	})
}
