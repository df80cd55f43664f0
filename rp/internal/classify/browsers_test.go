package classify

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

// row is what a browser was seen to send.
type row struct {
	Browser string
	What    string
	Who     string // person, page or unclear: the same bytes come from both
	Request *struct {
		Method  string
		Headers map[string]string
	} // nil: the browser asks nobody
}

func (r row) header() http.Header {
	h := http.Header{}
	for name, v := range r.Request.Headers {
		h.Set(name, v)
	}
	return h
}

func measured(t *testing.T) []row {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "browsers.json"))
	if err != nil {
		t.Fatal(err)
	}
	var table struct{ Rows []row }
	if err := json.Unmarshal(text, &table); err != nil {
		t.Fatal(err)
	}
	if len(table.Rows) < 200 {
		t.Fatalf("only %d rows", len(table.Rows))
	}
	return table.Rows
}

// untold is what the headers do not tell, or tell wrongly, and what it is taken for.
var untold = map[string]map[string]Class{
	"": {
		// Sec-Fetch-User is sent for some seconds after a click, and not later.
		"location.assign by a timer within seconds of a click on the page": Person,
		"location.assign when a click is some seconds old":                 Page,
		// A page in between that a person does not touch.
		"a click, and another site that posts a form back by script":                 Page,
		"a click, and another site that posts a form back by script, and a redirect": Page,
		"a preload of a fetch": Unclear,
		"location.assign by a timer, preloaded beside a service worker": Unclear,
		// Nothing is sent over plain http but what the old browsers sent, too.
		"a frame that the page loads, over plain http": Unclear,
		"sendBeacon by a timer, over plain http":       Unclear,
		"a script, over plain http":                    Unclear,
	},
	"chromium": {
		"a click on a link of another site, through a service worker": Page,
		"a download by a timer":                                     Unclear,
		"a person's Back to a page that a timer opened":             Page,
		"a person's Back to a page that a link opened":              Page,
		"history.back by a timer to a page whose address was typed": Person,
		"a download by a click":                                     Unclear,
		"tabs that are restored when the browser starts":            Person,
	},
	"firefox": {
		"a closed tab that a person opens again":               Page,
		"a click on a link, preloaded beside a service worker": Unclear,
	},
}

const own = "http://app.shop.localhost"

func facts() Facts { return Facts{SentUser: true, Trusted: map[string]bool{own: true}} }

// Every measured request is taken for what it was, but for what is named above.
func TestMeasured(t *testing.T) {
	used := map[string]bool{}
	for _, r := range measured(t) {
		if r.Request == nil {
			continue
		}
		who := map[string]Class{"person": Person, "page": Page, "unclear": Unclear}[r.Who]
		want := who
		for _, browser := range [...]string{"", r.Browser} {
			if c, found := untold[browser][r.What]; found {
				want = c
				if want != who {
					used[browser+r.What] = true
				}
			}
		}
		f := facts()
		if r.Request.Headers["Referer"] == "http://app.tandem.test" {
			f = Facts{Trusted: map[string]bool{"http://app.tandem.test": true}}
		}
		if got := Request(r.Request.Method, r.header(), f); got != want {
			t.Errorf("%s, %s: %v, want %v: %v", r.Browser, r.What, got, want, *r.Request)
		}
	}
	for browser, list := range untold {
		for what := range list {
			if !used[browser+what] {
				t.Errorf("%s, %s: the headers tell it", browser, what)
			}
		}
	}
}

// A mark makes of the unclear ones what it says, and of no other one.
func TestMarks(t *testing.T) {
	for _, r := range measured(t) {
		if r.Request == nil {
			continue
		}
		plain := Request(r.Request.Method, r.header(), facts())
		marked := func(m Mark) Class {
			f := facts()
			f.Mark = m
			return Request(r.Request.Method, r.header(), f)
		}
		if got := marked(Passive); got != Page {
			t.Errorf("%s, %s: marked passive it is %v", r.Browser, r.What, got)
		}
		want := plain
		if plain == Unclear {
			want = Person
		}
		if got := marked(Active); got != want {
			t.Errorf("%s, %s: marked active it is %v, want %v", r.Browser, r.What, got, want)
		}
	}
}

// In a browser that has not sent Sec-Fetch-User yet, a navigation of the whole page
// without it says nothing; all else is the same.
func TestBrowserThatHasNotSentUser(t *testing.T) {
	changed := 0
	for _, r := range measured(t) {
		if r.Request == nil {
			continue
		}
		f := facts()
		before := Request(r.Request.Method, r.header(), f)
		f.SentUser = false
		want, h := before, r.header()
		if h.Get("Sec-Fetch-Mode") == "navigate" && h.Get("Sec-Fetch-Dest") == "document" && !SendsUser(h) &&
			h.Get("Sec-Purpose") == "" {
			want = Unclear
		}
		if got := Request(r.Request.Method, h, f); got != want {
			t.Errorf("%s, %s: %v, want %v", r.Browser, r.What, got, want)
		}
		if want != before {
			changed++
		}
	}
	if changed < 20 {
		t.Errorf("%d rows depend on it: this proves little", changed)
	}
}
