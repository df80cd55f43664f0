package fetchmetadata

import (
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/drive"
	"github.com/tandem-sso/tandem/e2e/driver/site"
)

// Who makes a request.
const (
	person  = "person"  // it is the direct result of what a person does
	page    = "page"    // the page, the browser or another site makes it by itself
	unclear = "unclear" // the same bytes come from both
)

// scenario makes one request, in the way that its name says.
type scenario struct {
	what   string
	who    string
	from   string            // host of the page where the tab starts, own if empty
	start  string            // its file, "page" if empty
	files  map[string]string // what the server has for it
	header map[string]string // of its files
	do     func(*play)       // what is done there
	nth    int               // which request for the target counts, the first if zero
	none   bool              // no further request is made, measured once do has returned
	only   string            // the browser that can do it, both if empty
	apart  bool              // the page is in a tab that the driver has not attached to
}

// play is a scenario in a browser.
type play struct {
	tab
	t      *testing.T
	driver drive.Driver
	server *server
	id     string
}

type tab = site.Tab

func (p *play) url(file string) string { return p.server.at(own, p.id, file) }

// arrived waits until the tab is at a file of this scenario.
func (p *play) arrived(file string) {
	p.t.Helper()
	p.Wait(`location.pathname === ` + browser.Quote("/"+p.id+"/"+file) + ` && document.readyState === "complete"`)
}

// requested waits for requests for the target.
func (p *play) requested(n int) {
	p.t.Helper()
	if _, err := p.server.requests(p.t.Context(), p.id, n); err != nil {
		p.Fail("%v", err)
	}
}

// done waits until the page has said that it has done its part.
func (p *play) done() {
	p.t.Helper()
	if err := p.server.finished(p.t.Context(), p.id); err != nil {
		p.Fail("the page is not done: %v", err)
	}
}

func clicks(css string) func(*play) { return func(p *play) { p.Click(css) } }

// html is a scenario's only file.
func html(body string) map[string]string { return map[string]string{"page": body} }

// timer is a page that does something by itself once it has loaded.
func timer(body, script string) map[string]string {
	return html(body + `<script>addEventListener("load", () => setTimeout(() => { ` + script + ` }, 1))</script>`)
}

func button(script string) map[string]string {
	return html(`<button id="a">do</button><script>a.onclick = async () => { ` + script + ` }</script>`)
}

// measure plays a scenario and returns the request that counts; nil if none was made.
func measure(t *testing.T, s *server, d drive.Driver, st *stage, id string) *request {
	sc := s.scenarios[id]
	p := &play{t: t, driver: d, server: s, id: id, tab: st.tab(t, d.Name())}
	from, start := sc.from, sc.start
	if from == "" {
		from = own
	}
	switch {
	case sc.apart:
		start = "opener"
	case start == "":
		start = "page"
	}
	if start != "nowhere" {
		p.Go(s.at(from, id, start))
	}
	if sc.apart {
		p.Click("#opener")
	}
	if sc.do != nil {
		sc.do(p)
	}
	nth := max(sc.nth, 1)
	if sc.none {
		nth--
	}
	seen, err := s.requests(t.Context(), id, nth)
	if err != nil {
		p.Fail("%v", err)
	}
	if sc.none {
		if len(seen) > nth {
			return &seen[nth]
		}
		return nil
	}
	return &seen[nth-1]
}
