package rp_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// Anybody can load the address, so a sid that nobody has leaves nothing in the
// store: neither does it fill up, nor is a log-in refused that gets this sid.
func TestFrontchannelLogoutLeavesNothing(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		callback := v.authorize(v.start("/auth/login"))
		for range 3 {
			w.visitor("").get("/auth/frontchannel-logout?sid=" + v.session().SID)
		}
		if a := v.get(callback); a.status != http.StatusSeeOther {
			t.Errorf("the log-in: %v", a)
		}
		v.expect("live", "")
	})
}

// FCL-01 … FCL-05: an iframe of the IdP without our cookies; sid with iss, or
// alone as Entra ID sends it; nothing without sid; always a page, never stored.
func TestFrontchannelLogout(t *testing.T) {
	iframe := http.Header{"Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"iframe"},
		"Sec-Fetch-Site": {"cross-site"}, "Accept": {"text/html"}}
	for name, row := range map[string]struct {
		query func(sid string) url.Values
		ends  bool
	}{
		"iss and sid":      {func(sid string) url.Values { return url.Values{"iss": {issuer}, "sid": {sid}} }, true},
		"FCL-03 sid alone": {func(sid string) url.Values { return url.Values{"sid": {sid}} }, true},
		"FCL-03 another iss": {func(sid string) url.Values {
			return url.Values{"iss": {"https://evil.example"}, "sid": {sid}}
		}, false},
		"iss with a slash": {func(sid string) url.Values {
			return url.Values{"iss": {issuer + "/"}, "sid": {sid}}
		}, false},
		"FCL-04 iss alone": {func(string) url.Values { return url.Values{"iss": {issuer}} }, false},
		"nothing":          {func(string) url.Values { return url.Values{} }, false},
		"an empty sid":     {func(string) url.Values { return url.Values{"iss": {issuer}, "sid": {""}} }, false},
		"an unknown sid": {func(sid string) url.Values {
			return url.Values{"iss": {issuer}, "sid": {sid + "x"}}
		}, false},
		"a sid of a megabyte": {func(string) url.Values {
			return url.Values{"sid": {strings.Repeat("x", 500<<10)}}
		}, false},
		"markup": {func(string) url.Values { return url.Values{"sid": {marker}, "iss": {marker}} }, false},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{}, func(t *testing.T, w *world) {
				v, bob := w.visitor("ada"), w.visitor("bob")
				v.login()
				bob.login()
				// Whoever's cookie comes along does not matter.
				for _, who := range []*visitor{w.visitor(""), bob} {
					a := who.do("GET", "/auth/frontchannel-logout?"+row.query(v.session().SID).Encode(), nil, iframe)
					if a.status != 200 && a.status != http.StatusRequestHeaderFieldsTooLarge ||
						strings.Contains(a.body, "marker") {
						t.Errorf("%v", a)
					}
					if a.status == 200 && (a.header.Get("Cache-Control") != "no-store" ||
						!strings.Contains(a.header.Get("Content-Security-Policy"), "frame-ancestors "+issuer)) {
						t.Errorf("headers %v", a.header)
					}
				}
				if row.ends {
					v.expect("ended", reason.FrontchannelLogout)
					w.expectEnds(reason.FrontchannelLogout)
				} else {
					v.expect("live", "")
				}
				bob.expect("live", "")
			})
		})
	}
}

// searched counts what is searched for.
type searched struct {
	store.Store
	lists atomic.Int64
}

func (s *searched) List(ctx context.Context, ref store.Key) ([]store.Record, error) {
	s.lists.Add(1)
	return s.Store.List(ctx, ref)
}

// FCL-03: anybody can send it, so a sid longer than any IdP's is not even searched for.
func TestFrontchannelLogoutOfALongSID(t *testing.T) {
	kept := &searched{}
	inBubble(t, setup{config: func(c *rp.Config) {
		kept.Store, c.Store = c.Store, kept
	}}, func(t *testing.T, w *world) {
		for _, row := range []struct {
			bytes  int
			search bool
		}{{0, false}, {1, true}, {1024, true}, {1025, false}, {20_000, false}} {
			kept.lists.Store(0)
			a := w.visitor("").get("/auth/frontchannel-logout?sid=" + strings.Repeat("x", row.bytes))
			if search := kept.lists.Load() > 0; a.status != http.StatusOK || search != row.search {
				t.Errorf("a sid of %d bytes: %d, searched for: %v", row.bytes, a.status, search)
			}
		}
	})
}

// An IdP that leaves sid out ends nothing: that is told, with the cure. What only looks like
// the IdP's request is not.
func TestFrontchannelWithoutSID(t *testing.T) {
	for query, want := range map[string]bool{"": true, "?iss=" + url.QueryEscape(issuer): true,
		"?iss=" + url.QueryEscape(issuer) + "&sid=": true,
		"?sid=x": false, "?iss=https%3A%2F%2Fevil.example": false} {
		inBubble(t, setup{}, func(t *testing.T, w *world) {
			w.visitor("").get("/auth/frontchannel-logout" + query)
			found := slices.ContainsFunc(w.auth[0].Findings(), func(f store.Finding) bool {
				return f.Code == "frontchannel_without_sid" && f.Serious && strings.Contains(f.Text,
					"frontchannel_logout_session_required")
			})
			if found != want {
				t.Errorf("%q: the finding is there: %v, want %v", query, found, want)
			}
		})
	}
}
