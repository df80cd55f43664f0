package prometheus

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

// Visit is what a person does in the demo, from outside.
type Visit struct {
	// Apps are the addresses of its apps. The person has a page open in the first, and logs
	// out in the last.
	Apps []string
	// Idle is the IdP's idle window.
	Idle time.Duration
	// Wait moves the demo's clock.
	Wait func(time.Duration)
}

// Make has somebody log in, use one app for a while and then all, have a page open, and log
// out: the IdP then tells the other apps by logout tokens, and the page is told.
func (v Visit) Make(t *testing.T) {
	t.Helper()
	ctx, stop := context.WithTimeout(t.Context(), time.Minute)
	defer stop()
	b := idptest.NewBrowser(t, nil)
	b.Fill = url.Values{"username": {"ada"}}
	use := func(apps []string) {
		t.Helper()
		for _, app := range apps {
			if page := b.Visit(app + "/private"); page.Status != http.StatusOK {
				t.Fatal(page)
			}
		}
	}
	use(v.Apps)
	v.Wait(v.Idle * 6 / 10)
	use(v.Apps[:1]) // which tells the IdP
	v.Wait(v.Idle * 6 / 10)
	use(v.Apps) // the others, unused for longer than Idle, ask the IdP first: a wait
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, v.Apps[0]+"/auth/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	open, err := b.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = open.Body.Close() }()
	if open.StatusCode != http.StatusOK {
		t.Fatalf("the open page: %s", open.Status)
	}
	if page := b.Post(v.Apps[len(v.Apps)-1]+"/auth/logout", nil); page.Status != http.StatusOK {
		t.Fatal(page)
	}
	if _, err := io.ReadAll(open.Body); err != nil { // it ends with the session
		t.Fatal("the open page was not told: ", err)
	}
}
