package rp_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/adapter"
)

const answersPage = "../docs/answers.md"

// The table in docs/answers.md is what really comes back. TANDEM_GOLDEN=1 writes it anew.
func TestAnswersTable(t *testing.T) {
	user := func(h http.Header, more ...string) http.Header { return with(with(h, "Sec-Fetch-User", "?1"), more...) }
	own := func(h http.Header) http.Header { return with(h, "Sec-Fetch-Site", "same-origin", "Origin", base) }
	askers := []struct {
		name, method string
		header       http.Header
	}{
		{"a click on a link", "GET", user(own(navigating))},
		{"a page that reloads itself", "GET", own(navigating)},
		{"a page of a browser without Fetch Metadata", "GET", http.Header{"Accept": {"text/html,*/*;q=0.8"}}},
		{"a posted form", "POST", user(own(navigating))},
		{"a script", "GET", own(fetching)},
		{"a script without Fetch Metadata", "GET", http.Header{"Accept": {"*/*"}}},
		{"htmx", "GET", own(with(fetching, "Hx-Request", "true", "Hx-Current-Url", base+"/private"))},
		{"an event stream", "GET", own(with(fetching, "Accept", "text/event-stream"))},
		{"a prefetch", "GET", own(with(navigating, "Sec-Purpose", "prefetch"))},
	}
	states := []struct {
		name string
		in   func(w *world, store *failingStore) *visitor
	}{
		{"nobody is logged in", func(w *world, _ *failingStore) *visitor { return w.visitor("ada") }},
		{"the session has ended", func(w *world, _ *failingStore) *visitor {
			v := w.person()
			if err := w.idp.EndSession(v.session().SID); err != nil {
				w.Fatal(err)
			}
			w.idp.Settle()
			return v
		}},
		{"it waits for a confirmation", func(w *world, _ *failingStore) *visitor {
			v := w.person()
			time.Sleep(20 * time.Minute)
			return v
		}},
		{"the store fails", func(w *world, store *failingStore) *visitor {
			v := w.person()
			store.breaks("Load")
			return v
		}},
	}
	var table strings.Builder
	fmt.Fprint(&table, "| who asks |")
	for _, s := range states {
		fmt.Fprintf(&table, " %s |", s.name)
	}
	fmt.Fprint(&table, "\n|---|---|---|---|---|\n")
	for _, a := range askers {
		for _, path := range []string{"/private", "/passive"} {
			fmt.Fprintf(&table, "| %s%s |", a.name, map[string]string{"/passive": ", route marked Passive"}[path])
			for _, s := range states {
				var store failingStore
				set := setup{kind: rp.NoToken, idp: patient, config: func(c *rp.Config) {
					c.SilentCheck = true // only a navigation can ask
					store.Store = c.Store
					c.Store = &store
				}}
				inBubble(t, set, func(t *testing.T, w *world) {
					v := s.in(w, &store)
					fmt.Fprintf(&table, " %s |", answered(t, v.do(a.method, path, nil, a.header)))
					store.heals()
				})
			}
			fmt.Fprintln(&table)
		}
	}
	page, err := os.ReadFile(answersPage)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := strings.Index(string(page), "| who asks |"), strings.LastIndex(string(page), "|\n")+2
	if begin < 0 || end < begin {
		t.Fatal("the page has no table")
	}
	if old := string(page[begin:end]); old != table.String() {
		if os.Getenv("TANDEM_GOLDEN") == "1" {
			err := os.WriteFile(answersPage, []byte(string(page[:begin])+table.String()+string(page[end:])), 0o600)
			t.Log(err)
			return
		}
		t.Errorf("docs/answers.md is not true any more:\n%s", table.String())
	}
}

// person is somebody who has logged in with a browser that says when a person navigates.
func (w *world) person() *visitor {
	w.Helper()
	v := w.visitor("ada")
	h := with(navigating, "Sec-Fetch-Site", "same-origin", "Sec-Fetch-User", "?1")
	a := v.do("GET", "/auth/login?return_to=/private", nil, h)
	if a = v.do("GET", v.authorize(a.location()), nil, h); a.status != http.StatusSeeOther {
		w.Fatalf("the log-in: %v", a)
	}
	return v
}

// answered describes an answer in a few words.
func answered(t *testing.T, a *reply) string {
	t.Helper()
	to := func(where string) string {
		u, err := url.Parse(where)
		switch {
		case err != nil:
			return "?"
		case u.Query().Get("silent") == "1":
			return "silent log-in"
		case u.Path == "/auth/login":
			return "log-in"
		}
		return "the page itself"
	}
	words := []string{fmt.Sprint(a.status)}
	if a.location() != "" {
		words = append(words, "to the "+to(a.location()))
	}
	switch {
	case strings.HasPrefix(a.header.Get("Content-Type"), "text/html"):
		words = append(words, "page")
		if _, rest, ok := strings.Cut(a.body, `href="`); ok {
			href, _, _ := strings.Cut(rest, `"`)
			words = append(words, "with a link to the "+to(strings.ReplaceAll(href, "&amp;", "&")))
		}
	case a.header.Get("Content-Type") == "application/json":
		var p adapter.Problem
		if err := json.Unmarshal([]byte(a.body), &p); err != nil {
			t.Error(err)
		}
		words = append(words, "`"+p.Error+"`")
		if p.LoginURL != "" {
			words = append(words, "+ `login_url`")
		}
		if (a.header.Get(adapter.ErrorHeader)) != p.Error {
			t.Errorf("%s: %v", adapter.ErrorHeader, a)
		}
	}
	if a.header.Get("HX-Redirect") != "" {
		words = append(words, "+ `HX-Redirect`")
	}
	if (a.header.Get("Retry-After") != "") != (a.status == http.StatusServiceUnavailable) {
		t.Errorf("Retry-After: %v", a)
	}
	return strings.ReplaceAll(strings.Join(words, " "), "to the the", "to the")
}
