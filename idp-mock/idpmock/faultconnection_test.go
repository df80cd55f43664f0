package idpmock_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// RT-07 and RT-08: cut before, the token is still good; cut after commit, it is
// consumed.
func TestDroppedConnections(t *testing.T) {
	for name, tt := range map[string]struct {
		fault idpmock.Fault
		again int
	}{"before": {idpmock.Fault{DropBefore: true}, 200}, "after commit": {idpmock.Fault{DropAfterCommit: true}, 400}} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				tok := w.login(w.Browser("ada"), "notes")
				tt.fault.Endpoint = idpmock.EndpointRefresh
				w.Fault(tt.fault)
				if a, err := w.post(idpmock.PathToken, "notes", refreshForm(tok)); err == nil {
					t.Errorf("an answer came: %v", a)
				}
				if a := w.refresh("notes", tok.text("refresh_token")); a.status != tt.again {
					t.Errorf("afterwards %v, want %d", a, tt.again)
				}
			})
		})
	}
}

// With a grace the lost answer can be had again, and only for a while.
func TestReuseGrace(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) { c.RefreshReuseGrace = 30 * time.Second }, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes")
		w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, DropAfterCommit: true})
		w.post(idpmock.PathToken, "notes", refreshForm(tok))
		time.Sleep(29 * time.Second)
		next := w.refresh("notes", tok.text("refresh_token"))
		if next.status != 200 {
			t.Fatal(next)
		}
		time.Sleep(time.Second)
		if a := w.refresh("notes", tok.text("refresh_token")); a.text("error") != "invalid_grant" {
			t.Error(a)
		}
		if a := w.refresh("notes", next.text("refresh_token")); a.text("error") != "invalid_grant" {
			t.Errorf("the family survived reuse: %v", a)
		}
	})
}

func TestSlowAnswers(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes")
		w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Delay: 3 * time.Second, DelayAfter: 4 * time.Second})
		begun := time.Now()
		if a := w.refresh("notes", tok.text("refresh_token")); a.status != 200 || time.Since(begun) != 7*time.Second {
			t.Errorf("%v after %v", a, time.Since(begun))
		}
	})
}

// A gate holds a request after it has taken effect: here a log-out comes between
// the rotation and its answer.
func TestGates(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes")
		gate := make(chan struct{})
		f := w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, GateAfter: gate})
		done := make(chan answer)
		go func() { done <- w.refresh("notes", tok.text("refresh_token")) }()
		<-f.Arrived()
		synctest.Wait()
		if len(done) != 0 {
			t.Fatal("answered")
		}
		w.EndUser("ada")
		close(gate)
		a := <-done
		if a.status != 200 || a.text("refresh_token") == "" {
			t.Fatal(a)
		}
		if a := w.refresh("notes", a.text("refresh_token")); a.text("error") != "invalid_grant" {
			t.Errorf("tokens of an ended session: %v", a)
		}
	})
}

// A browser that is cut off sees it.
func TestBrowserIsCutOff(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointAuthorize, DropBefore: true})
		if _, err := w.Browser("ada").Authorize(t.Context(), authURL(w.URL, "notes")); err != idpmock.ErrConnectionCut {
			t.Error(err)
		}
		w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointAuthorize, Delay: time.Hour})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := w.Browser("ada").Authorize(ctx, authURL(w.URL, "notes")); err != idpmock.ErrConnectionCut {
			t.Error(err)
		}
	})
}

// A request that is read late is carried out although its client has gone: the token that was shown
// again meanwhile is taken for reuse.
func TestReadsLate(t *testing.T) {
	for late, want := range map[bool]int{true: 400, false: 200} {
		inBubble(t, nil, func(t *testing.T, w *world) {
			tok := w.login(w.Browser("ada"), "notes")
			w.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Delay: time.Minute, ReadsLate: late})
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL+idpmock.PathToken,
				strings.NewReader(refreshForm(tok).Encode()))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.SetBasicAuth("notes", "notes-secret")
			if _, err := w.do(r); err == nil {
				t.Fatal("there was an answer in time")
			}
			next := w.refresh("notes", tok.text("refresh_token"))
			time.Sleep(time.Minute)
			if after := w.refresh("notes", next.text("refresh_token")); after.status != want {
				t.Errorf("read late %v: %d", late, after.status)
			}
		})
	}
}
