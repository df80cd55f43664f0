package otelrp_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/otelrp"
	"github.com/tandem-sso/tandem/rp/rptest"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"
	"github.com/tandem-sso/tandem/rp/store/storetest"
)

// world is an app that is measured.
type world struct {
	*testing.T
	auth   *rptest.Party
	app    http.Handler
	reader *metric.ManualReader
	spans  *tracetest.SpanRecorder
	traces *trace.TracerProvider
	store  *failing
	idp    *silent
	mu     sync.Mutex
	told   []string // what the app's own Events have heard of
}

// failing is a Store that fails when it is told to.
type failing struct {
	store.Store
	down atomic.Bool
}

func (f *failing) Load(ctx context.Context, key store.Key) (store.Record, error) {
	if f.down.Load() {
		return store.Record{}, errUnplugged
	}
	return f.Store.Load(ctx, key)
}

func (f *failing) Count(ctx context.Context, owner store.Key) (int, error) {
	return f.Store.(store.CountingStore).Count(ctx, owner)
}

func (f *failing) Findings(context.Context) []store.Finding {
	return []store.Finding{{Code: "of_the_store", Text: "text"}}
}

// silent is an IdP that gives no answer when it is told to.
type silent struct{ down atomic.Bool }

var errUnplugged = errors.New("unplugged")

func (s *silent) around(next http.RoundTripper) http.RoundTripper {
	return roundTrip(func(r *http.Request) (*http.Response, error) {
		if s.down.Load() {
			return nil, errUnplugged
		}
		return next.RoundTrip(r)
	})
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func inBubble(t *testing.T, f func(w *world), opts ...metric.ManualReaderOption) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{T: t, reader: metric.NewManualReader(opts...), spans: tracetest.NewSpanRecorder(), idp: &silent{},
			store: &failing{Store: memstore.New(memstore.Options{})}}
		w.traces = trace.NewTracerProvider(trace.WithSpanProcessor(w.spans))
		w.auth = rptest.New(t, func(c *rp.Config) {
			c.Store, c.SkipSelfCheck, c.IdPTransport, c.SignalEvery = w.store, true, w.idp.around, time.Minute
			c.Events = event.Handlers{Login: func(event.Login) { w.hear("login") },
				End:         func(event.End) { w.hear("end") },
				Unavailable: func(context.Context, event.Unavailable) { w.hear("unavailable") }}
			var err error
			*c, err = otelrp.Instrument(*c,
				otelrp.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(w.reader))),
				otelrp.WithTracerProvider(w.traces))
			if err != nil {
				t.Fatal(err)
			}
		})
		web := nethttpadapter.New(w.auth.RelyingParty)
		mux := http.NewServeMux()
		mux.Handle("/auth/", web.Endpoints())
		mux.Handle("/", web.RequireLogin(http.HandlerFunc(func(rw http.ResponseWriter,
			_ *http.Request) {
			fmt.Fprint(rw, "hello")
		})))
		w.app = mux
		f(w)
	})
}

func (w *world) hear(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.told = append(w.told, what)
}

// visit is a person's click.
func (w *world) visit(ctx context.Context, c *http.Cookie) int {
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, rptest.BaseURL+"/", nil)
	r.Header = http.Header{"Accept": {"text/html"}, "Sec-Fetch-Mode": {"navigate"}, "Sec-Fetch-Dest": {"document"},
		"Sec-Fetch-Site": {"none"}, "Sec-Fetch-User": {"?1"}}
	if c != nil {
		r.AddCookie(c)
	}
	rec := httptest.NewRecorder()
	w.app.ServeHTTP(rec, r)
	synctest.Wait()
	return rec.Code
}

// points are the measurements so far: name{key=value,…} and the sum or the count.
func (w *world) points() map[string]int64 {
	w.Helper()
	var all metricdata.ResourceMetrics
	if err := w.reader.Collect(w.Context(), &all); err != nil {
		w.Fatal(err)
	}
	out := map[string]int64{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					out[m.Name+"{"+p.Attributes.Encoded(encoder{})+"}"] += p.Value
				}
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					out[m.Name+"{"+p.Attributes.Encoded(encoder{})+"}"] += p.Value
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					out[m.Name+"{"+p.Attributes.Encoded(encoder{})+"}"] += int64(p.Count)
				}
			default:
				w.Errorf("%s is a %T", m.Name, d)
			}
		}
	}
	return out
}

// A session's life is in the metrics, with the attributes that docs/metrics.md names.
func TestInstruments(t *testing.T) {
	inBubble(t, func(w *world) {
		cookie := w.auth.Cookie(rptest.Session{Subject: "ada", SID: "sid-of-ada"})
		if code := w.visit(w.Context(), cookie); code != http.StatusOK {
			t.Fatal(code)
		}
		time.Sleep(6 * time.Minute)
		w.visit(w.Context(), cookie) // too long ago: it waits for a refresh
		w.idp.down.Store(true)
		time.Sleep(6 * time.Minute)
		if code := w.visit(w.Context(), cookie); code != http.StatusServiceUnavailable {
			t.Error(code)
		}
		w.idp.down.Store(false)
		w.store.down.Store(true)
		if code := w.visit(w.Context(), cookie); code != http.StatusServiceUnavailable {
			t.Error(code)
		}
		w.store.down.Store(false)
		bad := httptest.NewRecorder()
		w.app.ServeHTTP(bad, httptest.NewRequest(http.MethodGet,
			rptest.BaseURL+"/auth/callback?error=server_error&state=x", nil))
		logout := httptest.NewRequest(http.MethodPost, rptest.BaseURL+"/auth/backchannel-logout",
			strings.NewReader(url.Values{"logout_token": {"junk"}}.Encode()))
		logout.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w.app.ServeHTTP(httptest.NewRecorder(), logout)

		page, hangUp := context.WithCancel(w.Context())
		stream := httptest.NewRequestWithContext(page, http.MethodGet, rptest.BaseURL+"/auth/events", nil)
		stream.Header.Set("Sec-Fetch-Site", "same-origin")
		stream.AddCookie(cookie)
		over := make(chan struct{})
		go func() { w.app.ServeHTTP(httptest.NewRecorder(), stream); close(over) }()
		synctest.Wait()
		if got := w.points()["tandem.streams{client_id=app}"]; got != 1 {
			t.Errorf("%d streams are open", got)
		}
		if got := w.points()["tandem.sessions{client_id=app}"]; got != 1 {
			t.Errorf("%d sessions live", got)
		}
		if _, err := w.auth.EndSessions(w.Context(), rp.Whose{Subject: "ada"}); err != nil {
			t.Fatal(err)
		}
		<-over
		hangUp()
		time.Sleep(time.Minute) // sessions are counted now and then
		synctest.Wait()

		got := w.points()
		for point, want := range map[string]int64{
			"tandem.logins{client_id=app}":                                      1,
			"tandem.session.ends{cause=,client_id=app,reason=admin}":            1,
			"tandem.session.duration{client_id=app,reason=admin}":               1,
			"tandem.signals{client_id=app,how=refresh,verdict=ok}":              1,
			"tandem.signals{client_id=app,how=refresh,verdict=retry}":           1,
			"tandem.wait.duration{client_id=app,outcome=ok}":                    1,
			"tandem.wait.duration{client_id=app,outcome=unavailable}":           1,
			"tandem.unavailable{cause=idp_unreachable,client_id=app}":           1,
			"tandem.unavailable{cause=store,client_id=app}":                     1,
			"tandem.store.duration{client_id=app,operation=load,outcome=error}": 1,
			"tandem.refused{client_id=app,what=a logout token was refused}":     1,
			"tandem.logout.token.duration{client_id=app,outcome=refused}":       1,
			"tandem.page.delay{client_id=app,reason=admin}":                     1,
			"tandem.sessions{client_id=app}":                                    0,
			"tandem.streams{client_id=app}":                                     0,
			"tandem.idp.calls.active{client_id=app}":                            0,
		} {
			if n, ok := got[point]; !ok || n != want {
				t.Errorf("%s is %d, not %d", point, n, want)
			}
		}
		for _, some := range []string{"tandem.idp.call.duration{", "tandem.keys.reads{", "tandem.signal.lag{"} {
			if !slices.ContainsFunc(keys(got), func(k string) bool { return strings.HasPrefix(k, some) }) {
				t.Errorf("nothing begins with %s", some)
			}
		}
		for k := range got {
			if strings.Contains(k, "ada") {
				t.Errorf("%s names a person or a session", k)
			}
		}
		if t.Failed() {
			t.Log(strings.Join(keys(got), "\n"))
		}
		for _, want := range []string{"login", "unavailable", "end"} { // the app's own events go on
			if !slices.Contains(w.told, want) {
				t.Errorf("the app has not heard of %s: %v", want, w.told)
			}
		}
		if !slices.ContainsFunc(w.auth.Findings(), func(f store.Finding) bool { return f.Code == "of_the_store" }) {
			t.Error("the store's findings are lost")
		}
	})
}

// What a request causes is in its trace, also where it goes on beside the request, and an
// exemplar of a figure leads there.
func TestTraceGoesOn(t *testing.T) {
	inBubble(t, func(w *world) {
		cookie := w.auth.Cookie(rptest.Session{})
		for _, pause := range []time.Duration{2 * time.Minute, 10 * time.Minute} { // due: beside; overdue: before
			time.Sleep(pause)
			ctx, span := w.traces.Tracer("app").Start(w.Context(), "GET /")
			before := len(w.spans.Ended())
			w.points() // each look shows what is new, so the only example is this one
			w.visit(ctx, cookie)
			span.End()
			var joined []string
			for _, s := range w.spans.Ended()[before:] {
				if s.SpanContext().TraceID() == span.SpanContext().TraceID() {
					joined = append(joined, s.Name())
				}
			}
			for _, want := range []string{"tandem.idp /token", "tandem.store replace"} {
				if !slices.Contains(joined, want) {
					t.Errorf("after %v: %s is not in the trace of the request: %v", pause, want, joined)
				}
			}
			if !w.exemplar("tandem.idp.call.duration", span.SpanContext().TraceID().String()) {
				t.Errorf("after %v: no exemplar leads to the trace", pause)
			}
		}
		for _, s := range w.spans.Ended() {
			for _, a := range s.Attributes() {
				if strings.Contains(a.Value.Emit(), "?") || strings.Contains(a.Value.Emit(), "secret") {
					t.Errorf("%s: %s is %q", s.Name(), a.Key, a.Value.Emit())
				}
			}
		}
	},
		metric.WithTemporalitySelector(delta))
}

func (w *world) exemplar(name, traceID string) bool {
	var all metricdata.ResourceMetrics
	if err := w.reader.Collect(w.Context(), &all); err != nil {
		w.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			if d, ok := m.Data.(metricdata.Histogram[float64]); ok && m.Name == name {
				for _, p := range d.DataPoints {
					for _, e := range p.Exemplars {
						if fmt.Sprintf("%x", e.TraceID) == traceID {
							return true
						}
					}
				}
			}
		}
	}
	return false
}

// A measured Store is a Store.
func TestMeasuredStoreKeepsTheContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		clock := storetest.NewClock()
		c, err := otelrp.Instrument(rp.Config{ClientID: "app", Store: memstore.New(memstore.Options{Now: clock.Now})},
			otelrp.WithMeterProvider(metric.NewMeterProvider(metric.WithReader(metric.NewManualReader()))))
		if err != nil {
			t.Fatal(err)
		}
		return storetest.Backend{Store: c.Store, Now: clock.Now, Advance: clock.Advance}
	})
}

var documented = regexp.MustCompile("(?m)^\\| `(tandem\\.[a-z.]+)` ")

// docs/metrics.md has every instrument, and no other.
func TestMetricsAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	code, err := os.ReadFile("meters.go")
	if err != nil {
		t.Fatal(err)
	}
	var there, here []string
	for _, m := range documented.FindAllSubmatch(page, -1) {
		there = append(there, string(m[1]))
	}
	for _, m := range regexp.MustCompile(`"(tandem\.[a-z.]+)"`).FindAllSubmatch(code, -1) {
		here = append(here, string(m[1]))
	}
	slices.Sort(there)
	slices.Sort(here)
	if len(here) == 0 || !slices.Equal(here, there) {
		t.Errorf("meters.go has %v,\ndocs/metrics.md has %v", here, there)
	}
}

func delta(metric.InstrumentKind) metricdata.Temporality { return metricdata.DeltaTemporality }
