package ssf_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/idp-mock/transmitter"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/ssf"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

const (
	issuer    = "https://ssf.example" // of the transmitter; the IdP is https://idp.example
	audience  = "https://notes.example/ssf"
	pushToken = "push-token-of-the-receiver"
	apiToken  = "token-for-the-management-api"
	pushURL   = "https://notes.example/ssf/events"
)

// world is an IdP, its transmitter and one app in a synctest bubble.
type world struct {
	*testing.T
	idp         *idptest.Server
	transmitter *transmitter.Transmitter
	store       *memstore.Store
	auth        *rp.RelyingParty
	client      *ssf.Transmitter // the transmitter as the app sees it
	log         *lines

	mu     sync.Mutex
	push   http.Handler // at pushURL
	ends   []event.End
	events []ssf.Event
}

type setup struct {
	idp         func(*idpmock.Config)
	transmitter func(*transmitter.Config)
	store       func(store.Store) store.Store
	front       func(w *world, transmitter http.Handler) http.Handler // stands before it
}

// inBubble runs f today: what a bubble's clock of the year 2000 makes of a time is not what
// today's makes of it.
func inBubble(t *testing.T, s setup, f func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)))
		f(newWorld(t, s))
	})
}

func newWorld(t *testing.T, s setup) *world {
	w := &world{T: t, log: &lines{}}
	t.Cleanup(func() { time.Sleep(time.Second) }) // net/http lingers on connections that it gave up
	w.idp = idptest.StartMem(t, idptest.WithClients(idpmock.Client{ID: "notes", Secret: "s3cret", RefreshTokens: true,
		RedirectURIs: []string{"https://notes.example/auth/callback"}}), idptest.WithConfig(func(c *idpmock.Config) {
		c.SigningAlg = "ES256"
		if s.idp != nil {
			s.idp(c)
		}
	}))
	cfg := transmitter.Config{Issuer: issuer, Receivers: []transmitter.Receiver{
		{Token: apiToken, Audience: []string{audience, "https://notes.example/mobile"}},
		{Token: "of-somebody-else", Audience: []string{"https://other.example"}},
	}}
	if s.transmitter != nil {
		s.transmitter(&cfg)
	}
	var err error
	if w.transmitter, err = transmitter.New(w.idp.IDP, cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.transmitter.Close() })
	front := w.transmitter.Handler()
	if s.front != nil {
		front = s.front(w, front)
	}
	w.serve("ssf.example", front)

	w.store = memstore.New(memstore.Options{})
	kept := store.Store(w.store)
	if s.store != nil {
		kept = s.store(kept)
	}
	w.auth, err = rp.New(t.Context(), rp.Config{
		Issuer: w.idp.URL, ClientID: "notes", ClientSecret: "s3cret", BaseURL: "https://notes.example",
		Keys:  rp.Keys{rp.NewKey()},
		Store: kept, IDTokenAlg: w.alg(), HTTPClient: w.idp.Net.Client(), Logger: w.logger(),
		Events: event.Handlers{End: func(e event.End) { w.note(func() { w.ends = append(w.ends, e) }) }},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.auth.Close() })
	mux := http.NewServeMux()
	mux.Handle("/auth/", nethttpadapter.New(w.auth).Endpoints())
	mux.HandleFunc("/ssf/events", func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		h := w.push
		w.mu.Unlock()
		if h == nil { // not started yet
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		h.ServeHTTP(rw, r)
	})
	w.serve("notes.example", mux)
	if w.client, err = ssf.Discover(t.Context(), w.transmitterConfig()); err != nil {
		t.Fatal(err)
	}
	return w
}

// alg that the provider signs with.
func (w *world) alg() string {
	alg := "ES256"
	_ = w.idp.Update(func(c *idpmock.Config) { alg = c.SigningAlg })
	return alg
}

func (w *world) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func (w *world) transmitterConfig() ssf.TransmitterConfig {
	return ssf.TransmitterConfig{Issuer: issuer, HTTPClient: w.idp.Net.Client(), Logger: w.logger(),
		AccessToken: func(context.Context) (rp.Secret, error) { return apiToken, nil }}
}

func (w *world) serve(host string, h http.Handler) {
	w.Helper()
	stop, err := w.idp.Net.Serve(host, h)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(stop)
}

func (w *world) note(f func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f()
}

// receiver makes a stream and its receiver.
func (w *world) receiver(method string, change ...func(*ssf.Config)) (*ssf.Receiver, ssf.Stream) {
	w.Helper()
	stream := w.stream(method)
	return w.receiverOf(stream, change...), stream
}

func (w *world) stream(method string) ssf.Stream {
	w.Helper()
	stream, err := w.client.CreateStream(w.Context(), ssf.StreamRequest{Method: method, PushURL: pushURL,
		PushToken: pushToken, Description: "notes"})
	if err != nil {
		w.Fatal(err)
	}
	return stream
}

func (w *world) receiverOf(stream ssf.Stream, change ...func(*ssf.Config)) *ssf.Receiver {
	w.Helper()
	cfg := ssf.Config{
		Sessions: w.auth, Transmitter: w.client, Audience: []string{audience}, StreamID: stream.ID, Alg: w.alg(),
		Logger:   w.logger(),
		Received: func(e ssf.Event) { w.note(func() { w.events = append(w.events, e) }) },
	}
	if stream.Method == ssf.Poll {
		cfg.PollURL = stream.URL
	} else {
		cfg.PushToken = pushToken
	}
	for _, f := range change {
		f(&cfg)
	}
	r, err := ssf.New(cfg)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { r.Close() })
	w.note(func() { w.push = r })
	return r
}

// send puts an event on the stream and waits until it has been dealt with.
func (w *world) send(stream ssf.Stream, s transmitter.SET, faults ...transmitter.SETFault) transmitter.SETRecord {
	w.Helper()
	jti, err := w.transmitter.Send(stream.ID, s, faults...)
	if err != nil {
		w.Fatal(err)
	}
	return w.outcome(stream, jti)
}

func (w *world) outcome(stream ssf.Stream, jti string) transmitter.SETRecord {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Hour)
	defer cancel()
	if err := w.transmitter.Settle(ctx); err != nil {
		w.Fatalf("events are still under way: %v", err)
	}
	done := w.transmitter.Delivered(stream.ID)
	i := slices.IndexFunc(done, func(r transmitter.SETRecord) bool { return r.JTI == jti })
	if i < 0 {
		w.Fatalf("token %s was not delivered: %+v", jti, done)
	}
	return done[i]
}

// accepted is send for an event that has to be accepted.
func (w *world) accepted(stream ssf.Stream, s transmitter.SET, faults ...transmitter.SETFault) {
	w.Helper()
	if r := w.send(stream, s, faults...); r.Err != "" || r.GivenUp {
		w.Errorf("the event was not accepted: %+v", r)
	}
}

// ended returns what Events.End has been told. That happens beside the answer to the
// transmitter, on a goroutine of its own: so it waits until that has done its work.
func (w *world) ended() (out []event.End) {
	synctest.Wait()
	w.note(func() { out = slices.Clone(w.ends) })
	return out
}

func (w *world) reasons() (out []reason.Reason) {
	for _, e := range w.ended() {
		out = append(out, e.Reason)
	}
	return out
}

func (w *world) lastEvent() (e ssf.Event) {
	w.Helper()
	w.note(func() {
		if len(w.events) == 0 {
			w.Error("no event was received")
			return
		}
		e = w.events[len(w.events)-1]
	})
	return e
}

func (w *world) eventCount() (n int) {
	w.note(func() { n = len(w.events) })
	return n
}

// visitor is one browser of a person. Unlike idptest.Browser it waits between the IdP and
// the callback, and knows its session at the IdP.
type visitor struct {
	w    *world
	http *http.Client
	idp  *idpmock.Browser
}

func (w *world) visitor(user string) *visitor {
	w.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.Fatal(err)
	}
	c := w.idp.Net.Client()
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &visitor{w, c, w.idp.Browser(user)}
}

// signedIn is a visitor with a session of the app.
func (w *world) signedIn(user string) *visitor {
	w.Helper()
	v := w.visitor(user)
	v.login()
	return v
}

func (v *visitor) login() {
	v.w.Helper()
	callback, err := v.idp.Authorize(v.w.Context(), v.get("/auth/login").Header.Get("Location"))
	if err != nil {
		v.w.Fatal(err)
	}
	if resp := v.get(strings.TrimPrefix(callback, "https://notes.example")); resp.StatusCode != http.StatusSeeOther {
		v.w.Fatalf("the log-in failed: %d", resp.StatusCode)
	}
}

func (v *visitor) get(path string) *http.Response {
	v.w.Helper()
	resp, err := v.http.Get("https://notes.example" + path)
	if err != nil {
		v.w.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		v.w.Fatal(err)
	}
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp
}

// expect fails unless GET /auth/session says so.
func (v *visitor) expect(state string) {
	v.w.Helper()
	body, _ := io.ReadAll(v.get("/auth/session").Body)
	if !strings.Contains(string(body), `"state":"`+state+`"`) || state == "ended" &&
		!strings.Contains(string(body), `"reason":"admin"`) {
		v.w.Errorf("the session's status is %s, want %s", body, state)
	}
}

func (v *visitor) session() idpmock.Session {
	v.w.Helper()
	s, err := v.idp.Session()
	if err != nil {
		v.w.Fatal(err)
	}
	return s
}

// revoked is a session-revoked event about a session of the IdP and its user.
func (v *visitor) revoked() transmitter.SET {
	s := v.session()
	return v.w.transmitter.SessionRevoked(s.Subject, s.SID, "policy", "landspeed violation")
}

type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.b.String(), text)
}

func (l *lines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
