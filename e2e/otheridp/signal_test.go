package otheridp

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

// until makes requests until one satisfies ok.
func (p visitor) until(what string, get func() *idptest.Page, ok func(*idptest.Page) bool) *idptest.Page {
	p.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(20 * time.Second)
	for {
		page := get()
		if ok(page) {
			return page
		}
		select {
		case <-tick.C:
		case <-deadline:
			p.t.Fatalf("never: %s; last: %s", what, page)
		}
	}
}

// Activity is told by refreshing, and the provider, which rotates and takes a
// token shown twice for stolen, agrees for many refreshes in a row.
func TestRefreshing(t *testing.T) {
	t.Parallel()
	s := start(t, "refreshtoken", "-signal-every", "1s", "-trust-for", "1s", "-v")
	p := newVisitor(t, s)
	p.signIn()
	p.until("three refreshes", func() *idptest.Page {
		return p.Fetch(http.MethodGet, s.app+"/me")
	}, func(page *idptest.Page) bool {
		if page.Status != http.StatusOK {
			t.Fatalf("/me: %s", page)
		}
		return strings.Count(s.process.Output(), "how=refresh") >= 3
	})
	p.works("refreshtoken")
	p.logsOut()
}

// An app without tokens asks by a prompt=none visit of the provider, which a
// person does not notice. When the provider knows nobody any more, the app lets go.
func TestSilentCheck(t *testing.T) {
	t.Parallel()
	s := start(t, "notoken", "-silent-check", "-trust-for", "1s")
	p := newVisitor(t, s)
	p.signIn()
	visit := func() *idptest.Page { return p.Open(s.app + "/private") }
	round := p.until("a silent check", visit, func(page *idptest.Page) bool { return len(page.Hops) > 1 })
	if round.Status != http.StatusOK || round.URL.String() != s.app+"/private" ||
		!strings.Contains(strings.Join(round.Hops, "\n"), "prompt=none") {
		t.Errorf("not back on the page: %s\n%s", round, strings.Join(round.Hops, "\n"))
	}

	// The provider's cookies are lost: for it, nobody is signed in here.
	for _, c := range p.Cookies(s.issuer) {
		if strings.HasPrefix(c.Name, "_") && !strings.HasPrefix(c.Name, "__") { // those of the app are on the same host
			p.SetCookie(s.issuer, &http.Cookie{Name: c.Name, Path: "/", MaxAge: -1})
		}
	}
	p.until("the silent check fails", visit, func(page *idptest.Page) bool {
		return strings.HasPrefix(page.URL.String(), s.issuer)
	})
	if got := p.status(); got.State != "ended" || got.Reason != "unconfirmed" {
		t.Errorf("%+v, want ended, unconfirmed", got)
	}
}

// A provider that issues no refresh token, though the app is of the kind that
// has one: it asks the userinfo endpoint instead.
func TestNoRefreshTokenIssued(t *testing.T) {
	t.Parallel()
	s := startWith(t, "refreshtoken", false, "-signal-every", "1s", "-trust-for", "1s", "-v")
	p := newVisitor(t, s)
	p.signIn()
	p.until("two userinfo calls", func() *idptest.Page {
		return p.Fetch(http.MethodGet, s.app+"/me")
	}, func(page *idptest.Page) bool {
		if page.Status != http.StatusOK {
			t.Fatalf("/me: %s", page)
		}
		return strings.Count(s.process.Output(), "how=userinfo") >= 2
	})
	p.works("refreshtoken")
	p.logsOut()
}
