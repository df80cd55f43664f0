package rp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/reason"
)

func TestStreamState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, func(c *rp.Config) { c.Idle = 30 * time.Minute })
		ada := w.login("ada")
		events, cancel := ada.stream(http.Header{"Last-Event-Id": {strings.Repeat("junk", 100)}})
		defer cancel()
		first := expect(t, events, "session", "")
		if s := first.status; s.State != "live" || s.Subject != "ada" || limit(s, "idle") != 30*time.Minute ||
			limit(s, "fixed") != 8*time.Hour || limit(s, "trust") != time.Hour || first.id == "" {
			t.Fatalf("%+v", first)
		}
		began := time.Now()
		if beat := expect(t, events, "", ""); beat.at.Sub(began) != 15*time.Second {
			t.Errorf("heartbeat after %v", beat.at.Sub(began))
		}
		// Even a session of which nothing is reported is looked at once a minute.
		for range 2 {
			expect(t, events, "", "")
		}
		again := expect(t, events, "session", "")
		if s := again.status; again.at.Sub(began) > 61*time.Second || limit(s, "idle") > 29*time.Minute {
			t.Errorf("after %v: %+v", again.at.Sub(began), again)
		}
	})
}

// C8: the end reaches the stream at once, and a stream that comes later hears it
// first.
func TestStreamEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, nil)
		ada := w.login("ada")
		events, _ := ada.stream(nil)
		expect(t, events, "session", "")
		began := time.Now()
		if err := w.idp.EndSession(w.idp.Sessions()[0].SID); err != nil {
			t.Fatal(err)
		}
		e := expect(t, events, "ended", reason.BackchannelLogout)
		if d := e.at.Sub(began); d > 100*time.Millisecond || e.status.State != "ended" {
			t.Errorf("after %v: %+v", d, e)
		}
		expect(t, events, "closed", "")

		late, _ := ada.stream(http.Header{"Last-Event-Id": {"1"}})
		expect(t, late, "ended", reason.BackchannelLogout)
		expect(t, late, "closed", "")
	})
}

// The page learns of a clock that runs out at that very moment, not when a
// sweeper comes by: the next one would be up to ten seconds late.
func TestStreamKnowsTheClocks(t *testing.T) {
	for _, row := range []struct {
		reason reason.Reason
		after  time.Duration
		tune   func(*rp.Config)
	}{
		// No multiple of the minute after which a stream looks anyway.
		{reason.Idle, 20*time.Minute + 31*time.Second, func(c *rp.Config) { c.Idle = 20*time.Minute + 31*time.Second }},
		{reason.Absolute, 40*time.Minute + 31*time.Second, func(c *rp.Config) {
			c.Absolute = 40*time.Minute + 31*time.Second
		}},
	} {
		t.Run(string(row.reason), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newPageWorld(t, nil, row.tune)
				time.Sleep(3300 * time.Millisecond) // between two ticks of the sweeper
				ada := w.login("ada")
				began := time.Now()
				events, cancel := ada.stream(nil)
				defer cancel()
				for e := range events {
					if e.name == "closed" || e.name == "ended" && e.status.Reason != row.reason {
						t.Fatalf("%+v", e)
					}
					if e.name == "ended" {
						if late := e.at.Sub(began) - row.after; late < 0 || late > 20*time.Millisecond {
							t.Errorf("told %v after the deadline", late)
						}
						return
					}
				}
			})
		})
	}
}

// When nobody vouches for the IdP session any more, that is no end (C3).
func TestStreamTrustRunsOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, func(c *idpmock.Config) { c.IdleWindow = 10 * time.Hour },
			func(c *rp.Config) { c.IdPWindow = time.Hour + 31*time.Second })
		ada := w.login("ada")
		began := time.Now()
		events, cancel := ada.stream(nil)
		defer cancel()
		for e := range events {
			if e.name == "session" && limit(e.status, "trust") == 0 {
				if late := e.at.Sub(began) - time.Hour - 31*time.Second; late < 0 || late > 20*time.Millisecond {
					t.Errorf("told %v after the deadline", late)
				}
				break
			}
			if e.name == "closed" || e.name == "ended" {
				t.Fatalf("%+v", e)
			}
		}
		if s := ada.do(http.MethodGet, "/auth/session", nil).status(t); s.State != "live" {
			t.Errorf("%+v", s)
		}
	})
}

// C7: watching is not activity, whatever the request says of itself.
func TestWatchingNeverExtends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, func(c *rp.Config) { c.Idle = 30 * time.Minute })
		ada := w.login("ada")
		events, cancel := ada.stream(http.Header{activity.Header: {"active"}})
		defer cancel()
		expect(t, events, "session", "")
		for range 28 {
			time.Sleep(time.Minute)
			s := ada.do(http.MethodGet, "/auth/session", http.Header{activity.Header: {"active"}}).status(t)
			if s.State != "live" {
				t.Fatalf("%+v", s)
			}
			if ada.do(http.MethodGet, "/auth/draft-key",
				http.Header{activity.Header: {"active"}}).StatusCode != http.StatusOK {
				t.Fatal("no draft key")
			}
		}
		time.Sleep(2 * time.Minute)
		if s := ada.do(http.MethodGet, "/auth/session", nil).status(t); s.State != "ended" || s.Reason != reason.Idle {
			t.Errorf("%+v", s)
		}
		w.idp.Expect(idpmock.EndpointRefresh, "notes", 0)
		w.idp.Expect(idpmock.EndpointUserinfo, "notes", 0)
	})
}

func TestStreamLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, func(c *rp.Config) { c.MaxStreams, c.MaxStreamsPerSession = 3, 2 })
		ada, bob := w.login("ada"), w.login("bob")
		_, cancel := ada.stream(nil)
		ada.stream(nil)
		refused := func(p *tab, status int) {
			t.Helper()
			if a := p.do(http.MethodGet, "/auth/events", nil); a.StatusCode != status ||
				a.Header.Get("Retry-After") != "30" {
				t.Errorf("%d %v %s, want %d with Retry-After", a.StatusCode, a.Header, a.body, status)
			}
		}
		refused(ada, http.StatusTooManyRequests)
		bob.stream(nil)
		refused(bob, http.StatusServiceUnavailable)
		cancel()
		synctest.Wait()
		events, _ := bob.stream(nil)
		expect(t, events, "session", "")
	})
}

func TestStreamsOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, func(c *rp.Config) { c.MaxStreams = -1 })
		if a := w.login("ada").do(http.MethodGet, "/auth/events", nil); a.StatusCode != http.StatusNotImplemented {
			t.Errorf("%d %s", a.StatusCode, a.body)
		}
	})
}

// A browser that does not read any more loses its place after ten seconds.
func TestStreamStuckClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, func(c *rp.Config) { c.MaxStreamsPerSession = 1 })
		ada := w.login("ada")
		conn, err := w.idp.Net.Dial(t.Context(), "tcp", "notes.example:443")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		u := ada.do(http.MethodGet, "/auth/session", nil).Request
		fmt.Fprintf(conn, "GET /auth/events HTTP/1.1\r\nHost: notes.example\r\nCookie: %s\r\n\r\n",
			u.Header.Get("Cookie"))
		synctest.Wait()
		if a := ada.do(http.MethodGet, "/auth/events", nil); a.StatusCode != http.StatusTooManyRequests {
			t.Fatalf("%d", a.StatusCode)
		}
		time.Sleep(10*time.Second + time.Millisecond)
		events, cancel := ada.stream(nil)
		defer cancel()
		expect(t, events, "session", "")
	})
}

func TestStreamClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, nil)
		ada := w.login("ada")
		events, _ := ada.stream(nil)
		expect(t, events, "session", "")
		if err := w.auth.Close(); err != nil {
			t.Fatal(err)
		}
		expect(t, events, "closed", "") // and nobody says that the session has ended
		if a := ada.do(http.MethodGet, "/auth/events", nil); a.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%d", a.StatusCode)
		}
	})
}

// C6: a store that is away is no end and no reason to close; the stream goes on
// when it is back.
func TestStreamStoreAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, func(c *rp.Config) { c.Idle = 10 * time.Minute })
		ada := w.login("ada")
		events, cancel := ada.stream(nil)
		defer cancel()
		expect(t, events, "session", "")
		w.store.away.Store(true)
		for began := time.Now(); time.Since(began) < 5*time.Minute; {
			expect(t, events, "", "")
		}
		w.store.away.Store(false)
		if e := expect(t, events, "session", ""); limit(e.status, "idle") > 5*time.Minute {
			t.Errorf("%+v", e)
		}
	})
}

func TestStreamRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, nil)
		ada := w.login("ada")
		for _, site := range []string{"cross-site", "same-site", "none"} {
			if a := ada.do(http.MethodGet, "/auth/events",
				http.Header{"Sec-Fetch-Site": {site}}); a.StatusCode != http.StatusForbidden {
				t.Errorf("%s: %d", site, a.StatusCode)
			}
		}
		ada.client.Jar = nil
		if a := ada.do(http.MethodGet, "/auth/events", nil); a.StatusCode != http.StatusUnauthorized {
			t.Errorf("anonymous: %d", a.StatusCode)
		}
	})
}

// mute is a ResponseWriter of a middleware that hides what it wraps.
type mute struct{ rec *httptest.ResponseRecorder }

func (m mute) Header() http.Header         { return m.rec.Header() }
func (m mute) Write(b []byte) (int, error) { return m.rec.Write(b) }
func (m mute) WriteHeader(code int)        { m.rec.WriteHeader(code) }

func TestStreamBehindMuteMiddleware(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, nil)
		cookie := w.login("ada").do(http.MethodGet, "/auth/session", nil).Request.Header.Get("Cookie")
		r := httptest.NewRequest(http.MethodGet, "/auth/events", nil)
		r.Header.Set("Cookie", cookie)
		out := mute{httptest.NewRecorder()}
		err := w.auth.ServeEvents(out, r)
		if err == nil || !strings.Contains(err.Error(), "Unwrap") {
			t.Fatalf("%v", err)
		}
		w.auth.Answer(r, err).Write(out)
		if out.rec.Code != http.StatusNotImplemented || !strings.Contains(out.rec.Body.String(), "no_streams") {
			t.Errorf("%d %s", out.rec.Code, out.rec.Body)
		}
	})
}

// A session that changes all the time is told once per gap; its end is not held
// back.
func TestStreamCoalesces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, nil)
		ada := w.login("ada")
		events, cancel := ada.stream(nil)
		defer cancel()
		expect(t, events, "session", "")
		cookie := ada.do(http.MethodGet, "/auth/session", nil).Request.Header.Get("Cookie")
		for n := range 50 {
			r := httptest.NewRequest(http.MethodGet, "/", nil)
			r.Header.Set("Cookie", cookie)
			values, err := w.auth.Values().Get(r, "v")
			if err != nil {
				t.Fatal(err)
			}
			values.Values["n"] = n
			if err := values.Save(r, httptest.NewRecorder()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Millisecond)
		}
		expect(t, events, "session", "")
		w.silent(events)
		if err := w.idp.EndSession(w.idp.Sessions()[0].SID); err != nil {
			t.Fatal(err)
		}
		expect(t, events, "ended", reason.BackchannelLogout)
	})
}

// compressing decides at WriteHeader, as chi's Compress does, and passes a second one on.
type compressing struct {
	*httptest.ResponseRecorder
	calls []string
}

func (c *compressing) Unwrap() http.ResponseWriter { return c.ResponseRecorder }

func (c *compressing) WriteHeader(code int) {
	c.calls = append(c.calls, fmt.Sprint("header ", code))
	c.ResponseRecorder.WriteHeader(code)
}

func (c *compressing) Flush() {
	c.calls = append(c.calls, "flush")
	c.ResponseRecorder.Flush()
}

// blank has a Flush, as gzip writers do, around one that has none, as http.TimeoutHandler's.
type blank struct{ mute }

func (blank) Flush()                        {}
func (b blank) Unwrap() http.ResponseWriter { return b.mute }

// The header goes before the first Flush; and a Flush that leads nowhere is none.
func TestStreamThroughWriters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newPageWorld(t, nil, nil)
		cookie := w.login("ada").do(http.MethodGet, "/auth/session", nil).Request.Header.Get("Cookie")
		ask := func(out http.ResponseWriter) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/auth/events", nil)
			r.Header.Set("Cookie", cookie)
			return w.auth.ServeEvents(out, r)
		}
		out := &compressing{ResponseRecorder: httptest.NewRecorder()}
		if err := ask(out); err != nil || len(out.calls) < 2 || out.calls[0] != "header 200" ||
			out.calls[1] != "flush" || !strings.Contains(out.Body.String(), "event: session") {
			t.Errorf("%v, %q %s", err, out.calls, out.Body)
		}
		if err := ask(blank{mute{httptest.NewRecorder()}}); err == nil || !strings.Contains(err.Error(), "no_streams") {
			t.Errorf("%v", err)
		}
		told := 0
		for _, f := range w.auth.Findings() {
			if f.Code == "no_streams" {
				told++
			}
		}
		if told != 1 {
			t.Errorf("told %d times", told)
		}
	})
}
