package stories

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/rp/reason"
)

// Every app runs as three instances that take turns. The person does not notice:
// one refresh for all requests (C4), and a log-out covers every tab, whichever
// instance holds its stream (C8).
func TestSeveralInstances(t *testing.T) {
	t.Parallel()
	s := startAs(t, 3, system.Settings{IdPIdle: time.Hour, TrustFor: time.Minute})
	s.signIn(chromium.New(t))
	notes := s.tabs[system.Notes]
	notes.WaitText("#instance", " of 3;")

	s.demo.Advance(2 * time.Minute) // nobody vouches for the session any more
	before := s.demo.IDP.Count(idpmock.EndpointRefresh, system.Notes)
	slow := s.demo.IDP.Fault(idpmock.Fault{Client: system.Notes, Endpoint: idpmock.EndpointRefresh,
		Times: idpmock.Always, DelayAfter: 200 * time.Millisecond})
	type answer struct{ Status, Instance int }
	answers := browser.Eval[[]answer](notes,
		`Promise.all(Array.from({length: 24}, () => fetch("/me").then(async r => ({Status: r.status, Instance: (await r.json()).instance}))))`)
	slow.Remove()
	served := map[int]int{}
	for _, a := range answers {
		if a.Status != http.StatusOK {
			t.Errorf("%+v", a)
		}
		served[a.Instance]++
	}
	if len(served) != 3 {
		t.Errorf("requests were served by the instances %v", served)
	}
	if n := s.demo.IDP.Count(idpmock.EndpointRefresh, system.Notes) - before; n != 1 {
		t.Errorf("%d refreshes for 24 requests at three instances", n)
	}

	notes.Click("#logout")
	notes.WaitURL(s.url(system.Notes, "/auth/logged-out"))
	for _, id := range []string{system.Reports, system.Wiki} {
		s.endsWith(id, reason.BackchannelLogout)
		for range 3 { // and every instance says so
			if got := s.status(id); got.State != "ended" || got.Reason != reason.BackchannelLogout {
				s.tabs[id].Fail("the status is %+v", got)
			}
		}
	}
	s.tells(system.Notes, reason.UserLogout)
}

// The same as a program: go run ./demo -instances 2.
func TestTheProgramAsInstances(t *testing.T) {
	t.Parallel()
	q := program.Start(t, nil, "-instances", "2", "-listen-port-base", "0")
	q.Says("Each app runs as 2 instances")
	m := regexp.MustCompile(`(?m)^  Notes\s+(http://\S+)`).FindStringSubmatch(q.Output())
	if m == nil {
		t.Fatalf("no address of Notes in:\n%s", q.Output())
	}
	notes := m[1]
	p := idptest.NewBrowser(t, nil)
	p.Fill = url.Values{"username": {"ada"}}
	page := p.Open(notes + "/private").Submit()
	if page.Status != http.StatusOK || !strings.Contains(page.Body, "Ada Lovelace") {
		t.Fatalf("after the log-in: %s", page)
	}
	// each asks every instance once.
	each := func(want int) {
		t.Helper()
		var turns []string
		for range 2 {
			page := p.Fetch(http.MethodGet, notes+"/me")
			if page.Status != want {
				t.Errorf("instance %s: %s", page.Header.Get(apps.InstanceHeader), page)
			}
			turns = append(turns, page.Header.Get(apps.InstanceHeader))
		}
		slices.Sort(turns)
		if !slices.Equal(turns, []string{"1", "2"}) {
			t.Errorf("served by %q", turns)
		}
	}
	each(http.StatusOK)
	if page := p.Post(notes+"/auth/logout", url.Values{}); page.Status != http.StatusOK ||
		page.URL.Path != "/auth/logged-out" {
		t.Errorf("the log-out: %s", page)
	}
	each(http.StatusUnauthorized)
}
