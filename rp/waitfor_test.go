package rp_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// C6: an IdP that accepts calls and never answers. A person waits for WaitFor and then
// gets 503, at the log-in too; after three time-outs the rest are told at once; and when
// it is back, everybody is back.
func TestHangingIdP(t *testing.T) {
	inBubble(t, setup{idp: patient, client: longToken}, func(t *testing.T, w *world) {
		const n = 30
		people := make([]*visitor, n)
		for i := range people {
			people[i] = w.visitor(fmt.Sprintf("user-%d", i))
			people[i].login()
		}
		time.Sleep(6 * time.Minute) // trust is over
		underWay := w.visitor("late")
		callback := underWay.authorize(underWay.start("/auth/login"))
		hang := make(chan struct{})
		fault := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointToken, Times: idpmock.Always, Gate: hang})
		waits := func(v *visitor, path string) (time.Duration, *reply) {
			began := time.Now()
			a := v.get(path)
			return time.Since(began), a
		}
		if d, a := waits(underWay, callback); a.status != http.StatusServiceUnavailable || d != 15*time.Second {
			t.Errorf("a log-in: after %v: %v", d, a)
		}
		for i, v := range people[:3] {
			d, a := waits(v, "/private")
			if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || d > 15*time.Second {
				t.Errorf("person %d: after %v: %v", i, d, a)
			}
		}
		time.Sleep(time.Minute) // three calls have timed out
		var all sync.WaitGroup
		slow := 0
		var mu sync.Mutex
		for _, v := range people[3:] {
			all.Go(func() {
				d, a := waits(v, "/private")
				if a.status != http.StatusServiceUnavailable {
					t.Errorf("%v", a)
				}
				if d > 0 {
					mu.Lock()
					slow++
					mu.Unlock()
				}
			})
		}
		all.Wait()
		if slow > 1 {
			t.Errorf("%d of %d people waited: one call is enough to find out", slow, n-3)
		}
		close(hang)
		fault.Remove()
		time.Sleep(time.Minute)
		back := 0
		for _, v := range people {
			if v.get("/private").status == http.StatusOK {
				back++
			}
		}
		if back != n {
			t.Errorf("%d of %d are back a minute after the IdP", back, n)
		}
		w.expectEnds()
	})
}

// C6: a log-in waits for the code and for userinfo WaitFor together. It goes through, and
// once userinfo has answered, its word about the session counts.
func TestUserinfoHangsAtLogin(t *testing.T) {
	inBubble(t, setup{kind: rp.ReferenceToken, idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		callback := v.authorize(v.start("/auth/login"))
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, Delay: 10 * time.Second})
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointUserinfo, Delay: time.Hour})
		began := time.Now()
		a := v.get(callback)
		if d := time.Since(began); a.status != http.StatusSeeOther || d != 15*time.Second {
			t.Errorf("after %v: %v", d, a)
		}
		time.Sleep(6 * time.Minute)
		v.welcome()
		w.idp.Expect(idpmock.EndpointUserinfo, "notes", 2)
		w.idp.FaultDelivery(idpmock.DeliveryFault{Lose: true})
		if err := w.idp.EndSession(v.session().SID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(6 * time.Minute)
		v.get("/private")
		v.expect("ended", reason.APIUnauthorized)
	})
}

// A call that takes 12 s succeeds; one that takes longer than WaitFor is not cancelled,
// and its answer is there for the next request.
func TestSlowIdP(t *testing.T) {
	for took, at := range map[time.Duration]time.Duration{12 * time.Second: 12 * time.Second,
		25 * time.Second: 15 * time.Second} {
		inBubble(t, setup{idp: patient, client: longToken}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			time.Sleep(6 * time.Minute)
			w.idp.ResetRequests()
			w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Delay: took})
			began := time.Now()
			a := v.get("/private")
			if d := time.Since(began); d != at || (a.status == http.StatusOK) != (took == at) {
				t.Errorf("%v: after %v: %v", took, d, a)
			}
			time.Sleep(20 * time.Second)
			v.welcome()
			w.idp.Expect(idpmock.EndpointRefresh, "notes", 1)
			w.expectEnds()
		})
	}
}

// RT-06: one 429 pauses that session; three sessions' within 10 s pause the client.
func TestTooManyRequests(t *testing.T) {
	inBubble(t, setup{idp: patient, client: longToken}, func(t *testing.T, w *world) {
		var people []*visitor
		for i := range 5 {
			v := w.visitor(fmt.Sprintf("user-%d", i))
			v.login()
			people = append(people, v)
		}
		time.Sleep(6 * time.Minute)
		limited := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Status: 429, RetryAfter: "60"})
		people[0].get("/private")
		people[1].welcome() // it is not about them
		limited.Remove()
		time.Sleep(7 * time.Minute)
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Status: 429, RetryAfter: "60",
			Times: idpmock.Always})
		w.idp.ResetRequests()
		for _, v := range people {
			v.get("/private")
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 3) // the others wait with them
		w.expectEnds()
	})
}

// C6: a flight that began before three calls have timed out may wait for the lease of another
// instance. When it gets that, one call is trying the IdP already: it makes none of its own.
func TestHangingIdPAndTheLeaseOfAnotherInstance(t *testing.T) {
	inBubble(t, setup{instances: 2, idp: patient, client: longToken}, func(t *testing.T, w *world) {
		var people [5]*visitor
		for i := range people {
			people[i] = w.visitor(fmt.Sprintf("user-%d", i))
			people[i].login()
		}
		time.Sleep(6 * time.Minute) // trust is over
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Times: idpmock.Always, Gate: make(chan struct{})})
		w.idp.ResetRequests()
		held := people[0]
		held.askAt("0") // has the lease for a minute: a time-out of 30 s, and one more try
		time.Sleep(time.Second)
		held.askAt("1")
		for _, v := range people[1:4] {
			v.askAt("1") // three time-outs
		}
		time.Sleep(40 * time.Second)
		people[4].askAt("1") // the one that tries
		time.Sleep(70 * time.Second)
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 10) // of five people, each twice
		w.expectEnds()
	})
}
