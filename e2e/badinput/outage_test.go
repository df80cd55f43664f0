package badinput

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// An outage is not a log-out (C6): the page says to try again and where, scripts
// get 503 and Retry-After, the cookie stays, and afterwards all is as before.
func TestIdPOutage(t *testing.T) {
	each(t, func(x target) {
		p := x.signedIn("ada")
		id := x.session(p)
		x.idp.Fault(idpmock.Fault{DropBefore: true, Times: idpmock.Always})
		x.idp.Advance(6 * time.Minute) // trust has run out, W has not

		page := p.Open(x.url + "/private?tab=2")
		if x.Name() == t.Name()+"/notoken" {
			if page.Status != http.StatusOK { // nobody to ask, nothing to lose
				x.Errorf("%s", page)
			}
			return
		}
		if page.Status != http.StatusServiceUnavailable || page.Header.Get("Retry-After") == "" ||
			len(page.Header["Set-Cookie"]) != 0 {
			x.Errorf("want 503, Retry-After and no cookie: %s %v", page, page.Header)
		}
		for _, text := range []string{"You are still logged in.", `href="/private?tab=2"`} {
			if !strings.Contains(page.Body, text) {
				x.Errorf("the page does not say %s: %s", text, page)
			}
		}
		script := p.Fetch(http.MethodGet, x.url+"/me")
		if script.Status != http.StatusServiceUnavailable || script.Header.Get("Retry-After") == "" ||
			!strings.Contains(script.Body, `"temporarily_unavailable"`) {
			x.Errorf("a script: %s", script)
		}
		x.live(p)

		x.idp.ClearFaults()
		x.idp.Advance(2 * time.Minute) // longer than any pause between two tries
		if page := p.Open(x.url + "/private"); page.Status != http.StatusOK || x.session(p) != id {
			x.Errorf("after the outage: %s", page)
		}
	})
}

// The IdP goes away in the middle of a log-in. Nobody is told that they are logged
// in, and the callback's code is not on the page.
func TestOutageDuringLogin(t *testing.T) {
	each(t, func(x target) {
		p := x.person("ada")
		to := x.callback(p, "ada")
		x.idp.Fault(idpmock.Fault{DropBefore: true, Times: idpmock.Always})
		page := p.Open(to)
		if page.Status != http.StatusServiceUnavailable || page.Header.Get("Retry-After") == "" {
			x.Errorf("want 503 and Retry-After: %s", page)
		}
		if strings.Contains(page.Body, "still logged in") || strings.Contains(page.Body, "code=") ||
			!strings.Contains(page.Body, `href="/auth/login?return_to=%2Fprivate"`) {
			x.Errorf("the page: %s", page)
		}
		if s := x.state(p); s.State != "anonymous" {
			x.Errorf("%+v", s)
		}
	})
}
