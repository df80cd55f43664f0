package instances

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// C4: 200 requests over two instances when a refresh is overdue: one token
// request, nobody fails, and those who wait for the other instance's refresh are
// served soon after the IdP's answer.
func TestStorm(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			w := newWorld(t, b.start(t))
			one, two := w.instance(), w.instance()
			cookie := w.login(one)
			w.idp.Advance(6 * time.Minute)
			w.idp.ResetRequests()
			slow := w.idp.Fault(idpmock.Fault{Client: "notes", Endpoint: idpmock.EndpointRefresh, Times: idpmock.Always,
				DelayAfter: 300 * time.Millisecond})
			defer slow.Remove()

			const n = 200
			began := time.Now()
			took := make([]time.Duration, n)
			codes := make([]int, n)
			var wait sync.WaitGroup
			for i := range n {
				wait.Go(func() {
					codes[i] = []*instance{one, two}[i%2].get(t.Context(), "/", cookie).Code
					took[i] = time.Since(began)
				})
			}
			wait.Wait()
			for i, code := range codes {
				if code != http.StatusOK {
					t.Errorf("request %d: %d", i, code)
				}
			}
			w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
			slices.Sort(took)
			t.Logf("%s: 200 requests, 2 instances, the IdP answers after 300 ms: median %v, slowest %v", b.name,
				took[n/2], took[n-1])
			if got := one.get(t.Context(), "/", cookie).Code; got != http.StatusOK {
				t.Errorf("afterwards: %d", got)
			}
		})
	}
}

// The instance that refreshes dies in the midst of the call, before the IdP has
// carried it out: the others wait for its lease to run out, make one try of their
// own and serve.
func TestHolderDiesBeforeTheIdPActs(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel() // both wait for a lease to run out
			w := newWorld(t, b.start(t))
			one, two := w.instance(), w.instance()
			cookie := w.login(one)
			w.idp.Advance(6 * time.Minute)
			w.idp.ResetRequests()
			lost := w.idp.Fault(idpmock.Fault{Client: "notes", Endpoint: idpmock.EndpointRefresh, DropBefore: true,
				Delay: 50 * time.Millisecond})
			go one.get(t.Context(), "/", cookie) // nobody hears its answer
			<-lost.Arrived()
			one.store.dead.Store(true)
			one.net.dead.Store(true)

			for i, answer := range storm(100, cookie, two) {
				if answer.Code != http.StatusOK {
					t.Errorf("request %d: %d %s", i, answer.Code, answer.Body)
				}
			}
			w.idp.Expect(idpmock.EndpointRefresh, "notes", 2) // the lost one, and one more
		})
	}
}
