package controlroom_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/demo/controlroom"
	"github.com/tandem-sso/tandem/demo/system"
)

type room struct {
	*testing.T
	*controlroom.Room
	client *http.Client
}

func start(t *testing.T) *room {
	t.Helper()
	r, err := controlroom.Start(t.Context(), system.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	tr := apps.LocalTransport()
	t.Cleanup(func() {
		tr.CloseIdleConnections()
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return &room{t, r, &http.Client{Transport: tr, Timeout: 20 * time.Second}}
}

func (r *room) order(order string, header ...string) (int, string) {
	r.Helper()
	req, err := http.NewRequest("POST", r.URL()+"/act", strings.NewReader(order))
	if err != nil {
		r.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			req.Host = header[i+1]
		}
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

func (r *room) must(order string) {
	r.Helper()
	if status, text := r.order(order); status != 200 {
		r.Fatalf("%s: %d %s", order, status, text)
	}
}

type look struct {
	Now      time.Time
	Speed    int
	Losing   bool
	Down     bool `json:"idp_down"`
	Hangs    bool `json:"idp_hangs"`
	Broken   bool `json:"api_broken"`
	Settings system.Settings
	Pilots   map[string]int
	IdP      []struct{ SID string }
	Apps     []system.AppSession
}

func (r *room) look() (l look) {
	r.Helper()
	resp, err := r.client.Get(r.URL() + "/snapshot")
	if err != nil {
		r.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&l); err != nil {
		r.Fatal(err)
	}
	return l
}

func TestOrders(t *testing.T) {
	r := start(t)
	r.must(`{"do":"sign-in","user":"grace"}`)
	l := r.look()
	if len(l.IdP) != 1 || len(l.Apps) != 3 || l.Apps[0].Subject != "grace" || l.Speed != 1 {
		t.Fatalf("%+v", l)
	}
	for _, a := range l.Apps {
		for _, what := range []string{"active", "passive"} {
			r.must(fmt.Sprintf(`{"do":%q,"app":%q,"session":%q}`, what, a.App, a.Session))
		}
	}
	r.must(`{"do":"lose","on":true}`)
	r.must(`{"do":"idp-down","on":true}`)
	r.must(`{"do":"speed","seconds":10}`)
	r.must(`{"do":"pilot","app":"notes","seconds":10}`)
	if l := r.look(); !l.Losing || !l.Down || l.Speed != 10 || l.Pilots["notes"] != 10 {
		t.Fatalf("%+v", l)
	}
	r.must(`{"do":"speed","seconds":1}`)
	r.must(`{"do":"idp-down"}`)
	r.must(`{"do":"lose"}`)
	r.must(`{"do":"idp-hangs","on":true}`)
	r.must(`{"do":"api-broken","on":true}`)
	if l := r.look(); l.Down || !l.Hangs || !l.Broken {
		t.Fatalf("%+v", l)
	}
	r.must(`{"do":"idp-hangs"}`)
	r.must(`{"do":"api-broken"}`)
	r.must(`{"do":"settings","settings":{"like":"keycloak"}}`)
	if l := r.look(); l.Down || l.Hangs || l.Broken || l.Settings.Like != "keycloak" || len(l.IdP) != 1 {
		t.Fatalf("%+v", l)
	}
	r.must(fmt.Sprintf(`{"do":"end","sid":%q}`, l.IdP[0].SID))
	if l := r.look(); len(l.IdP) != 0 {
		t.Fatalf("%+v", l)
	}
	r.must(`{"do":"clear"}`)
	if events := r.System.Log.Read(0).Events; len(events) > 10 {
		t.Errorf("%d events after clear", len(events))
	}
}

func TestOrdersThatAreRefused(t *testing.T) {
	r := start(t)
	for order, want := range map[string]string{
		`{`:                                            "this is no order",
		`{"do":"sign-in","password":"x"}`:              "unknown field",
		`{"do":"nope"}`:                                "nobody knows how",
		`{"do":"sign-in","user":"mallory"}`:            "the log-in to Notes led to 403 at http://idp.localhost",
		`{"do":"jump","seconds":-1}`:                   "the clock goes forward",
		`{"do":"jump","seconds":90000}`:                "the clock goes forward",
		`{"do":"speed","seconds":0}`:                   "1 to 120",
		`{"do":"pilot","app":"x","seconds":1}`:         "no app",
		`{"do":"pilot","app":"wiki","seconds":-1}`:     "1 to 86400",
		`{"do":"end","sid":"x"}`:                       "has ended already",
		`{"do":"settings"}`:                            "no settings",
		`{"do":"settings","settings":{"idp_idle":1}}`:  "-idp-idle",
		`{"do":"active","app":"notes","session":"x"}`:  "has not seen such a session",
		`{"do":"` + strings.Repeat("x", 20<<10) + `"}`: "too large",
	} {
		if status, text := r.order(order); status < 400 || !strings.Contains(text, want) {
			t.Errorf("%.60s: %d %s", order, status, text)
		}
	}
}

// No other site may give orders through the visitor's browser.
func TestOtherSites(t *testing.T) {
	r := start(t)
	if status, _ := r.order(`{"do":"clear"}`, "Sec-Fetch-Site", "cross-site"); status != 403 {
		t.Errorf("cross-site: %d", status)
	}
	if status, _ := r.order(`{"do":"clear"}`, "Origin", "http://evil.example"); status != 403 {
		t.Errorf("another origin: %d", status)
	}
	if status, _ := r.order(`{"do":"clear"}`, "Host", "evil.example"); status != 421 {
		t.Errorf("DNS rebinding: %d", status)
	}
	if status, _ := r.order(`{"do":"clear"}`, "Host", "127.0.0.1:9000"); status != 200 {
		t.Errorf("loopback: %d", status)
	}
}

// A clock that jumps passes every moment on its way: who is active by themselves
// stays signed in, and each end has its own time.
func TestJump(t *testing.T) {
	r := start(t)
	r.must(`{"do":"sign-in"}`)
	before := r.look().Now
	r.must(`{"do":"pilot","app":"wiki","seconds":20}`)
	r.must(`{"do":"pilot","app":"notes","seconds":20}`)
	r.must(`{"do":"jump","seconds":600}`)
	l := r.look()
	if d := l.Now.Sub(before); d < 10*time.Minute || d > 11*time.Minute {
		t.Fatalf("the clock moved by %v", d)
	}
	if len(l.IdP) != 1 {
		t.Fatal("an active person was logged out")
	}
	r.must(`{"do":"pilot","app":"wiki"}`)
	r.must(`{"do":"pilot","app":"notes"}`)
	r.must(`{"do":"jump","seconds":600}`)
	events := r.System.Log.Read(0).Events
	for _, e := range events {
		if e.Kind == system.Ended && e.From == system.IdP {
			// W counts from the last signal, which is up to δ and one act older.
			if d := e.At.Sub(l.Now); d < 70*time.Second || d > 122*time.Second {
				t.Errorf("the IdP session ended %v after the last activity, W is 2 min and δ 24 s", d)
			}
			return
		}
	}
	t.Error("the IdP session did not end")
}

// stream reads server-sent events until ctx ends.
func (r *room) stream(ctx context.Context, lastID string, got func(event, id, data string)) {
	r.Helper()
	req, err := http.NewRequestWithContext(ctx, "GET", r.URL()+"/events", nil)
	if err != nil {
		r.Fatal(err)
	}
	if lastID != "" {
		req.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer resp.Body.Close()
	var event, id string
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 8<<20)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ": ")
		switch name {
		case "event":
			event = value
		case "id":
			id = value
		case "data":
			got(event, id, value)
		}
	}
}

func TestEvents(t *testing.T) {
	r := start(t)
	r.must(`{"do":"sign-in"}`)
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	var seen []system.Event
	var last string
	r.stream(ctx, "", func(event, id, data string) {
		switch event {
		case "log":
			var chunk struct{ Events []system.Event }
			if err := json.Unmarshal([]byte(data), &chunk); err != nil {
				t.Error(err)
			}
			seen, last = append(seen, chunk.Events...), id
		case "snapshot":
			if len(seen) > 0 && seen[len(seen)-1].Kind == system.Control {
				stop()
			} else if len(seen) > 8 {
				r.System.SetIdPDown(true)
			}
		}
	})
	for i, e := range seen {
		if i > 0 && e.ID <= seen[i-1].ID {
			t.Errorf("event %d after %d", e.ID, seen[i-1].ID)
		}
	}
	if fmt.Sprint(seen[len(seen)-1].ID) != last {
		t.Errorf("the last id is %s", last)
	}

	// Who comes back gets only what is new.
	ctx, stop = context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	r.System.SetIdPDown(false)
	var new struct{ Events []system.Event }
	r.stream(ctx, last, func(event, _, data string) {
		if event == "log" {
			if err := json.Unmarshal([]byte(data), &new); err != nil {
				t.Error(err)
			}
		}
		stop()
	})
	if len(new.Events) != 1 || new.Events[0].Title != "IdP back" {
		t.Errorf("%+v", new)
	}
}

func TestPage(t *testing.T) {
	r := start(t)
	resp, err := r.client.Get(r.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, resp.Body); err != nil {
		t.Fatal(err)
	}
	if csp := resp.Header.Get("Content-Security-Policy"); strings.Contains(csp, "unsafe") ||
		!strings.HasPrefix(csp, "default-src 'none'") {
		t.Error(csp)
	}
	if strings.Contains(b.String(), " style=") || strings.Contains(b.String(), "<script>") {
		t.Error("inline style or script")
	}
	for _, path := range []string{"/static/ui.css", "/room/static/room.js", "/room/static/room.css", "/healthz",
		"/export.json"} {
		resp, err := r.client.Get(r.URL() + path)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}
