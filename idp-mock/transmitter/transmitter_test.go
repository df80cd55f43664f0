package transmitter_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/idp-mock/transmitter"
)

// world is a provider on a network in memory.
type world struct {
	*idptest.Server
	t    *testing.T
	http *http.Client
}

func inBubble(t *testing.T, f func(*testing.T, *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := idptest.StartMem(t, idptest.WithConfig(func(c *idpmock.Config) { c.SigningAlg = "ES256" }))
		f(t, &world{s, t, s.Net.Client()})
	})
}

// peek decodes a JWT without checking it.
func peek(t *testing.T, raw string) (header, claims map[string]any) {
	t.Helper()
	parts := strings.Split(raw, ".")
	for i, to := range []*map[string]any{&header, &claims} {
		if b, err := base64.RawURLEncoding.DecodeString(parts[i]); err != nil || json.Unmarshal(b, to) != nil {
			t.Fatalf("%q is no JWT", raw)
		}
	}
	return header, claims
}

// transmits starts a transmitter beside a world's provider.
func (w *world) transmits(change func(*transmitter.Config)) *transmitter.Transmitter {
	w.t.Helper()
	cfg := transmitter.Config{Issuer: "https://ssf.example", Receivers: []transmitter.Receiver{
		{Token: "one", Audience: []string{"a", "b"}}, {Token: "two", Audience: []string{"c"}},
	}}
	if change != nil {
		change(&cfg)
	}
	tr, err := transmitter.New(w.IDP, cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { tr.Close() })
	stop, err := w.Net.Serve("ssf.example", tr.Handler())
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(stop)
	return tr
}

// manage calls the management API as a receiver.
func (w *world) manage(token, method, path, body string) (int, map[string]any) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), method, "https://ssf.example"+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := w.http.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	var fields map[string]any
	_ = json.Unmarshal(raw, &fields) // some answers are empty
	return resp.StatusCode, fields
}

func TestTransmitterManagement(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.transmits(nil)
		const push = `{"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://notes.example/x","authorization_header":"Bearer secret"}}`
		_, made := w.manage("one", "POST", "/ssf/stream", push)
		id, _ := made["stream_id"].(string)
		if delivery, _ := made["delivery"].(map[string]any); id == "" || made["iss"] != "https://ssf.example" ||
			delivery["authorization_header"] != nil {
			t.Fatalf("created %v", made)
		}
		for _, c := range []struct {
			token, method, path, body string
			status                    int
		}{
			{"wrong", "GET", "/ssf/stream?stream_id=" + id, "", 401},
			{"", "POST", "/ssf/stream", push, 401},
			{"one", "POST", "/ssf/stream", push, 409},
			{"two", "POST", "/ssf/stream", "{", 400},
			{"two", "POST", "/ssf/stream", `{"delivery":{"method":"carrier pigeon"}}`, 400},
			{"two", "GET", "/ssf/stream?stream_id=" + id, "", 404},
			{"two", "DELETE", "/ssf/stream?stream_id=" + id, "", 404},
			{"two", "POST", "/ssf/verify", `{"stream_id":"` + id + `"}`, 404},
			{"one", "POST", "/ssf/status", `{"stream_id":"` + id + `","status":"gone"}`, 400},
			{"one", "GET", "/ssf/status?stream_id=" + id, "", 200},
			{"one", "POST", "/ssf/poll/" + id, "{}", 404}, // it is a push stream
			{"one", "PATCH", "/ssf/stream", `{"stream_id":"` + id + `","delivery":{"method":"urn:ietf:rfc:8936"}}`,
				200},
			{"one", "POST", "/ssf/poll/" + id, `{"returnImmediately":true}`, 200},
			{"one", "POST", "/ssf/poll/" + id, `{"maxEvents":-1}`, 400},
			{"two", "POST", "/ssf/poll/" + id, "{}", 404},
			{"one", "DELETE", "/ssf/stream?stream_id=" + id, "", 204},
			{"one", "DELETE", "/ssf/stream?stream_id=" + id, "", 404},
		} {
			if status, _ := w.manage(c.token, c.method, c.path, c.body); status != c.status {
				t.Errorf("%s %s as %q: %d, want %d", c.method, c.path, c.token, status, c.status)
			}
		}
	})
}

// RFC 8936: what is not acknowledged comes again, oldest first; a request may wait.
func TestTransmitterPoll(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		tr := w.transmits(nil)
		_, made := w.manage("one", "POST", "/ssf/stream", "{}") // poll is the default
		id := made["stream_id"].(string)
		poll := func(body string) (map[string]any, bool) {
			status, answer := w.manage("one", "POST", "/ssf/poll/"+id, body)
			if status != 200 {
				t.Fatalf("poll: %d", status)
			}
			more, _ := answer["moreAvailable"].(bool)
			return answer["sets"].(map[string]any), more
		}
		start := time.Now()
		if sets, _ := poll(`{}`); len(sets) != 0 || time.Since(start) != 20*time.Second {
			t.Errorf("an empty stream was held for %v: %v", time.Since(start), sets)
		}
		var ids []string
		for range 3 {
			jti, err := tr.Send(id, tr.SessionRevoked("ada", "", "admin", "x"))
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, jti)
		}
		for range 2 {
			if sets, more := poll(`{"maxEvents":2}`); len(sets) != 2 || sets[ids[0]] == nil || sets[ids[1]] == nil ||
				!more {
				t.Errorf("%d sets, more %v", len(sets), more)
			}
		}
		if sets, _ := poll(`{"maxEvents":0,"ack":["` + ids[0] + `","unknown"]}`); len(sets) != 0 {
			t.Errorf("a request that only acknowledges got %d sets", len(sets))
		}
		sets, more := poll(`{"setErrs":{"` + ids[1] + `":{"err":"invalid_key","description":"x"}}}`)
		if len(sets) != 1 || sets[ids[2]] == nil || more {
			t.Errorf("%v, more %v", sets, more)
		}
		if done := tr.Delivered(id); len(done) != 2 || done[0].Err != "" || done[1].Err != "invalid_key" ||
			done[0].Attempts != 2 {
			t.Errorf("%+v", done)
		}
		// Paused streams keep, disabled ones drop.
		if err := tr.UpdateStatus("nobody", "enabled", ""); err == nil {
			t.Error("an unknown stream was updated")
		}
		w.manage("one", "POST", "/ssf/status", `{"stream_id":"`+id+`","status":"paused"}`)
		if sets, _ := poll(`{"returnImmediately":true}`); len(sets) != 0 || tr.Pending(id) != 1 {
			t.Errorf("paused: %v", sets)
		}
		w.manage("one", "POST", "/ssf/status", `{"stream_id":"`+id+`","status":"disabled"}`)
		if tr.Pending(id) != 0 {
			t.Error("a disabled stream keeps its events")
		}
	})
}

// RFC 8935: pushed in order with the agreed header, tried again after failures
// that may pass, and not after a refusal.
func TestTransmitterPush(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		tr := w.transmits(func(c *transmitter.Config) { c.PushRetries = []time.Duration{time.Second, time.Minute} })
		answers := []int{500, 429, 202, 400, 503, 503, 503}
		var at []time.Duration
		began := time.Now()
		stop, err := w.Net.Serve("receiver.example", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "Bearer secret" ||
				r.Header.Get("Content-Type") != "application/secevent+jwt" {
				t.Errorf("headers %v", r.Header)
			}
			n := len(at)
			at = append(at, time.Since(began))
			if n == 1 {
				rw.Header().Set("Retry-After", "100")
			}
			rw.WriteHeader(answers[n])
			if answers[n] == 400 {
				io.WriteString(rw, `{"err":"invalid_issuer","description":"x"}`)
			}
		}))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
		_, made := w.manage("one", "POST", "/ssf/stream",
			`{"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://receiver.example/","authorization_header":"Bearer secret"}}`)
		id := made["stream_id"].(string)
		for range 3 {
			if _, err := tr.Send(id, tr.SessionRevoked("ada", "", "", "")); err != nil {
				t.Fatal(err)
			}
		}
		if err := tr.Settle(t.Context()); err != nil {
			t.Fatal(err)
		}
		done := tr.Delivered(id)
		if len(done) != 3 || done[0].Attempts != 3 || done[0].Err != "" || done[1].Err != "invalid_issuer" ||
			!done[2].GivenUp || done[2].Status != 503 {
			t.Errorf("%+v", done)
		}
		if len(at) != 7 || at[1] != time.Second || at[2] != 101*time.Second {
			t.Errorf("attempts at %v", at)
		}
	})
}

// Tokens say what the framework demands, and each fault spoils them.
func TestTransmitterTokens(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		tr := w.transmits(nil)
		_, made := w.manage("one", "POST", "/ssf/stream", "{}")
		id := made["stream_id"].(string)
		set := tr.SessionRevoked("ada", "s1", "policy", "x")
		good, err := tr.Token(id, set)
		if err != nil {
			t.Fatal(err)
		}
		header, claims := peek(t, good)
		if header["typ"] != "secevent+jwt" {
			t.Errorf("header %v", header)
		}
		subject, _ := claims["sub_id"].(map[string]any)
		if claims["sub"] != nil || claims["exp"] != nil || claims["iss"] != "https://ssf.example" ||
			claims["jti"] == "" || subject["format"] != "complex" {
			t.Errorf("claims %v", claims)
		}
		seen := map[string]transmitter.SETFault{good: "none"}
		for _, f := range transmitter.SETFaults() {
			set.JTI = claims["jti"].(string)
			spoilt, err := tr.Token(id, set, f)
			if err != nil {
				t.Errorf("%s: %v", f, err)
			}
			if twin, ok := seen[spoilt]; ok {
				t.Errorf("%s spoils like %s", f, twin)
			}
			seen[spoilt] = f
		}
		if _, err := tr.Token(id, set, "no such fault"); err == nil {
			t.Error("an unknown fault was taken")
		}
	})
}

// Ends of the provider's sessions are transmitted, expiry is not.
func TestTransmitterOnEnd(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		tr := w.transmits(func(c *transmitter.Config) { c.OnEnd = true })
		_, made := w.manage("one", "POST", "/ssf/stream", "{}")
		id := made["stream_id"].(string)
		b := w.MustSignIn("ada")
		s, err := b.Session()
		if err != nil {
			t.Fatal(err)
		}
		w.MustSignIn("bob")
		if err := w.EndSession(s.SID); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := tr.Pending(id); n != 1 {
			t.Errorf("%d events", n)
		}
		time.Sleep(time.Hour) // bob's session runs out
		if n := tr.Pending(id); n != 1 {
			t.Errorf("%d events", n)
		}
	})
}

// What providers' transmitters do otherwise.
func TestLike(t *testing.T) {
	if _, err := transmitter.Like("nobody"); err == nil || !strings.Contains(err.Error(), "keycloak, okta") {
		t.Errorf("error %v", err)
	}
	like := func(name string) func(*transmitter.Config) {
		return func(c *transmitter.Config) {
			got, err := transmitter.Like(name)
			if err != nil {
				t.Fatal(err)
			}
			got.Issuer, got.Receivers = c.Issuer, c.Receivers
			*c = got
		}
	}
	inBubble(t, func(t *testing.T, w *world) {
		tr := w.transmits(like("okta"))
		_, made := w.manage("one", "POST", "/ssf/stream", "{}")
		token, err := tr.Token(made["stream_id"].(string), tr.SessionRevoked("ada", "sid", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		_, claims := peek(t, token)
		event := claims["events"].(map[string]any)[transmitter.EventTypeSessionRevoked].(map[string]any)
		subject, _ := event["subject"].(map[string]any)
		if claims["sub_id"] != nil || subject["user"] == nil || subject["format"] != nil ||
			event["event_timestamp"].(float64) < 1e11 {
			t.Errorf("claims %v", claims)
		}
	})
	inBubble(t, func(t *testing.T, w *world) {
		tr := w.transmits(like("keycloak"))
		_, made := w.manage("one", "POST", "/ssf/stream", "{}")
		id := made["stream_id"].(string)
		synctest.Wait()
		if n := tr.Pending(id); n != 1 {
			t.Errorf("%d events are on their way to a new stream", n)
		}
		send := func(want bool, e transmitter.SET) {
			t.Helper()
			if jti, err := tr.Send(id, e); err != nil || (jti != "") != want {
				t.Errorf("sent %q, %v; want sent %v", jti, err, want)
			}
		}
		const ada = `"subject":{"format":"iss_sub","iss":"https://idp.example","sub":"ada"}}`
		send(false, tr.SessionRevoked("ada", "", "", ""))
		for _, c := range []struct {
			token, path, body string
			status            int
		}{
			{"one", "add", `{"stream_id":"` + id + `",` + ada, 200},
			{"one", "add", `{"stream_id":"` + id + `",` + ada, 200}, // again
			{"two", "add", `{"stream_id":"` + id + `",` + ada, 404},
			{"one", "add", `{"stream_id":"` + id + `"}`, 400},
			{"", "add", `{"stream_id":"` + id + `",` + ada, 401},
		} {
			if status, _ := w.manage(c.token, "POST", "/ssf/subjects/"+c.path, c.body); status != c.status {
				t.Errorf("%s as %q: %d, want %d", c.path, c.token, status, c.status)
			}
		}
		send(true, tr.SessionRevoked("ada", "", "", ""))
		send(true, tr.SessionRevoked("ada", "a session", "", ""))
		send(false, tr.SessionRevoked("bob", "", "", ""))
		if status, _ := w.manage("one", "POST", "/ssf/subjects/remove", `{"stream_id":"`+id+`",`+ada); status != 204 {
			t.Errorf("removed: %d", status)
		}
		send(false, tr.SessionRevoked("ada", "", "", ""))
	})
}

// PUT replaces, PATCH leaves what it does not name (SSF §8.1.1.3, §8.1.1.4).
func TestTransmitterReplace(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		w.transmits(nil)
		_, made := w.manage("one", "POST", "/ssf/stream",
			`{"description":"notes","events_requested":["`+transmitter.EventTypeSessionRevoked+`"]}`)
		id := made["stream_id"].(string)
		for _, c := range []struct {
			method, body, description string
			events                    int
		}{
			{"PATCH", `{"stream_id":"` + id + `"}`, "notes", 1},
			{"PATCH", `{"stream_id":"` + id + `","description":"mail"}`, "mail", 1},
			{"PUT", `{"stream_id":"` + id + `","description":"calendar"}`, "calendar", 0},
		} {
			status, got := w.manage("one", c.method, "/ssf/stream", c.body)
			if requested, _ := got["events_delivered"].([]any); status != 200 || got["description"] != c.description ||
				len(requested) != c.events {
				t.Errorf("%s: %d %v", c.method, status, got)
			}
		}
	})
}
