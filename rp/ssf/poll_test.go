package ssf_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/transmitter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/ssf"
)

// SSF-06: long polling. An event ends its session at once, and is acknowledged by
// the next request; nobody asks more often than needed.
func TestLongPoll(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		_, stream := w.receiver(ssf.Poll)
		ada := w.signedIn("ada")
		time.Sleep(10 * time.Minute) // the transmitter holds for 20 s, then the receiver pauses for 10 s
		if n := len(w.transmitter.Polls()); n < 18 || n > 22 {
			t.Errorf("%d polls in 10 minutes", n)
		}
		for i, p := range w.transmitter.Polls() {
			if p.MaxEvents == nil || *p.MaxEvents != 32 || p.Immediate {
				t.Fatalf("poll %d: %+v", i, p)
			}
		}
		time.Sleep(15 * time.Second) // into a request that is being held
		start := time.Now()
		jti, err := w.transmitter.Send(stream.ID, ada.revoked())
		if err != nil {
			t.Fatal(err)
		}
		w.outcome(stream, jti)
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("it took %v", d)
		}
		ada.expect("ended")
		synctest.Wait()
		polls := w.transmitter.Polls()
		if last := polls[len(polls)-1]; !slices.Equal(last.Acks, []string{jti}) {
			t.Errorf("the last request acknowledges %v", last.Acks)
		}
	})
}

// SSF-06: maxEvents and moreAvailable, setErrs beside ack, and no pause while
// there is more.
func TestPollBatches(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		stream := w.stream(ssf.Poll)
		var people []*visitor
		for range 7 {
			v := w.signedIn("ada")
			people = append(people, v)
		}
		time.Sleep(time.Second)
		var bad string
		for i, v := range people {
			faults := []transmitter.SETFault(nil)
			if i == 3 {
				faults = []transmitter.SETFault{transmitter.SETWithExp}
			}
			jti, err := w.transmitter.Send(stream.ID, v.revoked(), faults...)
			if err != nil {
				t.Fatal(err)
			}
			if i == 3 {
				bad = jti
			}
		}
		start := time.Now()
		w.receiverOf(stream, func(c *ssf.Config) { c.MaxEvents, c.PollWait = 3, -1 })
		w.settle()
		if d := time.Since(start); d > time.Second {
			t.Errorf("seven events took %v", d)
		}
		for i, v := range people {
			if i == 3 {
				v.expect("live")
			} else {
				v.expect("ended")
			}
		}
		acked := 0
		for _, p := range w.transmitter.Polls() {
			if *p.MaxEvents != 3 || !p.Immediate || p.Returned > 3 {
				t.Errorf("%+v", p)
			}
			acked += len(p.Acks)
			for jti, err := range p.Errors {
				if jti != bad || err != "invalid_request" {
					t.Errorf("setErrs %s: %s", jti, err)
				}
			}
		}
		if acked != 6 {
			t.Errorf("%d acknowledged", acked)
		}
		if w.eventCount() != 6 {
			t.Errorf("%d events", w.eventCount())
		}
	})
}

// SSF-06: acknowledged only after the end has been stored; what was not comes
// again. A faulty token beside it does not wait.
func TestPollDuringOutage(t *testing.T) {
	var store *flaky
	inBubble(t, setup{store: wrap(&store)}, func(w *world) {
		_, stream := w.receiver(ssf.Poll)
		ada := w.signedIn("ada")
		time.Sleep(time.Second)
		store.fail("End")
		jti, err := w.transmitter.Send(stream.ID, ada.revoked())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Minute)
		for _, p := range w.transmitter.Polls() {
			if len(p.Acks)+len(p.Errors) > 0 {
				t.Fatalf("answered before the end was stored: %+v", p)
			}
		}
		if n := w.transmitter.Pending(stream.ID); n != 1 {
			t.Errorf("%d pending", n)
		}
		ada.expect("live")
		store.fail("")
		if r := w.outcome(stream, jti); r.Err != "" {
			t.Errorf("%+v", r)
		}
		ada.expect("ended")
		if got := w.reasons(); len(got) != 1 {
			t.Errorf("ends %v", got)
		}
	})
}

// An acknowledgement that was lost with the answer is sent again.
func TestPollLosesAcknowledgement(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		var calls atomic.Int32
		w.serve("gateway.example", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if calls.Add(1) == 2 { // the one with the acknowledgement
				rw.WriteHeader(http.StatusBadGateway)
				return
			}
			r.URL.Scheme, r.URL.Host, r.RequestURI = "https", "ssf.example", ""
			resp, err := w.idp.Net.Client().Do(r)
			if err != nil {
				panic(http.ErrAbortHandler)
			}
			defer resp.Body.Close()
			rw.WriteHeader(resp.StatusCode)
			_, _ = io.Copy(rw, resp.Body)
		}))
		stream := w.stream(ssf.Poll)
		ada := w.signedIn("ada")
		time.Sleep(time.Second)
		first, err := w.transmitter.Send(stream.ID, ada.revoked())
		if err != nil {
			t.Fatal(err)
		}
		direct := stream.URL
		stream.URL = "https://gateway.example" + direct[len(issuer):]
		w.receiverOf(stream)
		if r := w.outcome(stream, first); r.Err != "" || r.Attempts != 1 {
			t.Errorf("%+v", r)
		}
		if w.eventCount() != 1 {
			t.Errorf("%d events", w.eventCount())
		}
	})
}

// SSF-06: failures are waited out with growing pauses, Retry-After is honoured,
// and the access token is asked for anew each time.
func TestPollBackoff(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		var (
			calls      []time.Time
			asked      int
			answer     = http.StatusServiceUnavailable
			retryAfter = "120"
		)
		w.serve("busy.example", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			w.note(func() {
				calls = append(calls, time.Now())
				if retryAfter != "" {
					rw.Header().Set("Retry-After", retryAfter)
				}
				rw.WriteHeader(answer)
			})
		}))
		transmitter := w.transmitterConfig()
		transmitter.AccessToken = func(context.Context) (token rp.Secret, err error) {
			w.note(func() {
				if asked++; asked == 4 {
					err = errors.New("no token to be had")
				}
			})
			return apiToken, err
		}
		client, err := ssf.Discover(w.Context(), transmitter)
		if err != nil {
			t.Fatal(err)
		}
		r := w.receiverOf(ssf.Stream{Method: ssf.Poll, URL: "https://busy.example/poll"}, func(c *ssf.Config) {
			c.Transmitter = client
		})
		time.Sleep(5 * time.Minute)
		w.note(func() {
			if len(calls) != 3 || calls[1].Sub(calls[0]) != 2*time.Minute {
				t.Errorf("calls %v", calls)
			}
			retryAfter, answer, calls = "", http.StatusUnauthorized, nil
		})
		time.Sleep(2 * time.Hour)
		w.note(func() {
			for i := 2; i < len(calls); i++ {
				if gap := calls[i].Sub(calls[i-1]); gap > 5*time.Minute || i > 10 && gap < 3*time.Minute {
					t.Errorf("pause %d is %v", i, gap)
				}
			}
			if len(calls) < 24 || len(calls) > 45 {
				t.Errorf("%d calls in two hours", len(calls))
			}
			if asked != 3+1+len(calls) {
				t.Errorf("the access token was asked for %d times for %d calls", asked, len(calls))
			}
		})
		if w.log.has(apiToken) {
			t.Error("the access token is in the log")
		}
		if err := r.Close(); err != nil { // during a pause
			t.Error(err)
		}
	})
}

// RFC 8936 §2.3: the members of sets are named by the jti of their token. One that
// is not is told to the transmitter under the name that it knows.
func TestPollUnderAnotherName(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		stream := w.stream(ssf.Poll)
		token, err := w.transmitter.Token(stream.ID, w.transmitter.SessionRevoked("nobody", "", "", ""))
		if err != nil {
			w.Fatal(err)
		}
		var asked []string
		w.serve("odd.example", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			w.note(func() { asked = append(asked, string(body)) })
			sets := map[string]string{}
			if len(asked) == 1 {
				sets["another"] = token
			}
			_ = json.NewEncoder(rw).Encode(map[string]any{"sets": sets})
		}))
		w.receiverOf(ssf.Stream{Method: ssf.Poll, URL: "https://odd.example/poll"})
		time.Sleep(time.Minute)
		w.note(func() {
			if len(asked) < 2 || !strings.Contains(asked[1], `"setErrs":{"another":{"err":"invalid_request"`) ||
				strings.Contains(asked[1], `"ack"`) {
				t.Errorf("asked %q", asked)
			}
		})
	})
}

// A hostile or broken answer is a failure, not a crash.
func TestPollAnswers(t *testing.T) {
	for name, body := range map[string]string{
		"empty":              "",
		"not JSON":           "<html>",
		"array":              "[]",
		"sets of numbers":    `{"sets":{"a":1}}`,
		"sets null":          `{"sets":null}`,
		"no sets":            `{}`,
		"not a token":        `{"sets":{"a":"b"}}`,
		"more than it sends": `{"sets":{},"moreAvailable":true}`,
		"endless":            `{"sets":{"a":"` + string(make([]byte, 5<<20)) + `"}}`,
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{}, func(w *world) {
				var calls atomic.Int32
				w.serve("odd.example", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
					calls.Add(1)
					_, _ = io.WriteString(rw, body)
				}))
				w.receiverOf(ssf.Stream{Method: ssf.Poll, URL: "https://odd.example/poll"})
				time.Sleep(time.Minute)
				if n := calls.Load(); n < 2 || n > 10 {
					t.Errorf("%d calls in a minute", n)
				}
			})
		})
	}
}

// Several instances may ask: each event is carried out, and told, once.
func TestPollInCluster(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		_, stream := w.receiver(ssf.Poll)
		w.receiverOf(stream)
		w.receiverOf(stream)
		var people []*visitor
		for range 5 {
			people = append(people, w.signedIn("ada"))
		}
		time.Sleep(time.Second)
		for _, v := range people {
			w.accepted(stream, v.revoked())
			v.expect("ended")
		}
		time.Sleep(time.Minute)
		if w.eventCount() != 5 || len(w.reasons()) != 5 {
			t.Errorf("%d events, ends %v", w.eventCount(), w.reasons())
		}
	})
}
