package ssf_test

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/transmitter"
	"github.com/tandem-sso/tandem/rp/ssf"
)

// pushed posts to the receiver as a transmitter does.
func (w *world) pushed(body string, change func(*http.Request)) *http.Response {
	w.Helper()
	req, err := http.NewRequestWithContext(w.Context(), http.MethodPost, pushURL, strings.NewReader(body))
	if err != nil {
		w.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/secevent+jwt")
	req.Header.Set("Authorization", "Bearer "+pushToken)
	if change != nil {
		change(req)
	}
	resp, err := w.idp.Net.Client().Do(req)
	if err != nil {
		w.Fatal(err)
	}
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	resp.Body.Close()
	resp.Body = io.NopCloser(strings.NewReader(string(raw)))
	return resp
}

// SSF-05: 202 with an empty body, 400 with err and description, and the
// authentication of the transmitter.
func TestPushAnswers(t *testing.T) {
	header := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
	}
	for name, c := range map[string]struct {
		change func(*http.Request)
		body   func(token string) string
		status int
		err    string
	}{
		"good":                 {status: 202},
		"white space around":   {status: 202, body: func(t string) string { return "\n " + t + "\r\n" }},
		"scheme in lower case": {status: 202, change: header("Authorization", "bearer "+pushToken)},
		"type with parameter": {status: 202,
			change: header("Content-Type", "application/secevent+jwt; charset=utf-8")},
		"no authorization":     {status: 400, err: "authentication_failed", change: header("Authorization")},
		"empty authorization":  {status: 400, err: "authentication_failed", change: header("Authorization", "")},
		"bearer without token": {status: 400, err: "authentication_failed", change: header("Authorization", "Bearer ")},
		"wrong token": {status: 400, err: "authentication_failed",
			change: header("Authorization", "Bearer "+pushToken+"x")},
		"prefix of the token": {status: 400, err: "authentication_failed",
			change: header("Authorization", "Bearer "+pushToken[:8])},
		"another scheme": {status: 400, err: "authentication_failed",
			change: header("Authorization", "Basic "+pushToken)},
		"two authorizations": {status: 400, err: "authentication_failed",
			change: header("Authorization", "Bearer "+pushToken, "Bearer x")},
		"another type": {status: 400, err: "invalid_request", change: header("Content-Type", "application/json")},
		"no type":      {status: 400, err: "invalid_request", change: header("Content-Type")},
		"empty body":   {status: 400, err: "invalid_request", body: func(string) string { return "" }},
		"a form":       {status: 400, err: "invalid_request", body: func(t string) string { return "token=" + t }},
		"JSON": {status: 400, err: "invalid_request", body: func(t string) string {
			return `{"token":"` + t + `"}`
		}},
		"two tokens": {status: 400, err: "invalid_key", body: func(t string) string {
			return t + "\n" + t[strings.LastIndexByte(t, '.')+1:]
		}},
		"GET": {status: 405, change: func(r *http.Request) { r.Method = http.MethodGet }},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{}, func(w *world) {
				_, stream := w.receiver(ssf.Push)
				ada := w.signedIn("ada")
				time.Sleep(time.Second)
				body, err := w.transmitter.Token(stream.ID, ada.revoked())
				if err != nil {
					t.Fatal(err)
				}
				if c.body != nil {
					body = c.body(body)
				}
				resp := w.pushed(body, c.change)
				raw, _ := io.ReadAll(resp.Body)
				if h := resp.Header; resp.StatusCode != c.status || h.Get("Cache-Control") != "no-store" ||
					h.Get("X-Content-Type-Options") != "nosniff" {
					t.Errorf("%d %v", resp.StatusCode, resp.Header)
				}
				switch c.status {
				case 202:
					if len(raw) != 0 {
						t.Errorf("body %q", raw)
					}
					ada.expect("ended") // stored before the answer
					return
				case 400:
					var answer struct {
						Err         string `json:"err"`
						Description string `json:"description"`
					}
					if err := json.Unmarshal(raw, &answer); err != nil || answer.Err != c.err ||
						answer.Description == "" {
						t.Errorf("body %s, want err %s", raw, c.err)
					}
					if resp.Header.Get("Content-Type") != "application/json" ||
						resp.Header.Get("Content-Language") != "en" {
						t.Errorf("headers %v", resp.Header)
					}
				}
				ada.expect("live")
			})
		})
	}
}

// A receiver without a push token takes no pushes.
func TestPushNotAgreed(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		w.receiver(ssf.Poll)
		for _, value := range []string{"", "Bearer", "Bearer ", "Bearer x"} {
			resp := w.pushed("a.b.c", func(r *http.Request) { r.Header.Set("Authorization", value) })
			if raw, _ := io.ReadAll(resp.Body); resp.StatusCode != 400 ||
				!strings.Contains(string(raw), "authentication_failed") {
				t.Errorf("%q: %d %s", value, resp.StatusCode, raw)
			}
		}
	})
}

// SSF-01: the same token again is accepted and is no second event.
func TestDuplicate(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		_, stream := w.receiver(ssf.Push)
		ada := w.signedIn("ada")
		time.Sleep(time.Second)
		token, err := w.transmitter.Token(stream.ID, ada.revoked())
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if resp := w.pushed(token, nil); resp.StatusCode != 202 {
				t.Errorf("%d", resp.StatusCode)
			}
			time.Sleep(time.Minute)
		}
		if n := w.eventCount(); n != 1 {
			t.Errorf("%d events", n)
		}
		if got := w.reasons(); len(got) != 1 {
			t.Errorf("ends %v", got)
		}
	})
}

// SSF-05: what could not be stored is not accepted; the transmitter sends it
// again, and then it is carried out.
func TestPushDuringOutage(t *testing.T) {
	var store *flaky
	inBubble(t, setup{store: wrap(&store)}, func(w *world) {
		_, stream := w.receiver(ssf.Push)
		ada := w.signedIn("ada")
		time.Sleep(time.Second)
		for _, method := range []string{"End", "Once"} {
			store.fail(method)
			token, err := w.transmitter.Token(stream.ID, ada.revoked())
			if err != nil {
				t.Fatal(err)
			}
			if resp := w.pushed(token, nil); resp.StatusCode != 503 || resp.Header.Get("Retry-After") == "" {
				t.Errorf("%s fails: %d %v", method, resp.StatusCode, resp.Header)
			}
			if w.eventCount() != 0 {
				t.Errorf("%s fails, and yet there is an event", method)
			}
		}
		jti, err := w.transmitter.Send(stream.ID, ada.revoked())
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond) // the first attempt meets the outage
		store.fail("")
		if r := w.outcome(stream, jti); r.Err != "" || r.GivenUp || r.Attempts != 2 {
			t.Errorf("%+v", r)
		}
		ada.expect("ended")
	})
}

// While the transmitter's keys cannot be had, nothing is known about a token.
func TestPushWithoutKeys(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		_, stream := w.receiver(ssf.Push)
		ada := w.signedIn("ada")
		time.Sleep(time.Second)
		outage := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointJWKS, Status: 500, Times: idpmock.Always})
		token, err := w.transmitter.Token(stream.ID, ada.revoked())
		if err != nil {
			t.Fatal(err)
		}
		if resp := w.pushed(token, nil); resp.StatusCode != 503 {
			t.Errorf("%d", resp.StatusCode)
		}
		ada.expect("live")
		outage.Remove()
		if resp := w.pushed(token, nil); resp.StatusCode != 202 {
			t.Errorf("%d", resp.StatusCode)
		}
		ada.expect("ended")
	})
}

// A stranger, who cannot show the token, causes no fetch of keys and few lines.
func TestStrangers(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		_, stream := w.receiver(ssf.Push)
		token, err := w.transmitter.Token(stream.ID, w.transmitter.SessionRevoked("ada", "", "", ""))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the relying party reads the keys beside
		before := w.idp.Count(idpmock.EndpointJWKS, "")
		for range 100 {
			w.pushed(token, func(r *http.Request) { r.Header.Set("Authorization", "Bearer guess") })
		}
		if n := w.idp.Count(idpmock.EndpointJWKS, "") - before; n != 0 {
			t.Errorf("%d fetches", n)
		}
		if n := strings.Count(w.log.b.String(), "without the right Config.PushToken"); n != 1 {
			t.Errorf("%d lines", n)
		}
		// Nor does a token for somebody else, whoever sends it.
		for _, f := range []transmitter.SETFault{transmitter.SETWrongAud, transmitter.SETWrongIss, transmitter.SETNoTyp,
			transmitter.SETWithExp} {
			spoilt, err := w.transmitter.Token(stream.ID, w.transmitter.SessionRevoked("ada", "", "", ""), f)
			if err != nil {
				t.Fatal(err)
			}
			w.pushed(spoilt, nil)
		}
		if n := w.idp.Count(idpmock.EndpointJWKS, "") - before; n != 0 {
			t.Errorf("%d fetches", n)
		}
	})
}

// What SubjectOf cannot tell at the moment is asked again.
func TestSubjectOfFails(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		broken := true
		_, stream := w.receiver(ssf.Push, func(c *ssf.Config) { c.SubjectOf = subjectOf(&broken) })
		ada := w.signedIn("ada")
		time.Sleep(time.Second)
		event := w.transmitter.SessionRevoked("", "", "", "")
		event.Subject = map[string]any{"format": "email", "email": "ada@example.com"}
		token, err := w.transmitter.Token(stream.ID, event)
		if err != nil {
			t.Fatal(err)
		}
		if resp := w.pushed(token, nil); resp.StatusCode != 503 {
			t.Errorf("%d", resp.StatusCode)
		}
		broken = false
		if resp := w.pushed(token, nil); resp.StatusCode != 202 {
			t.Errorf("%d", resp.StatusCode)
		}
		ada.expect("ended")
	})
}

var errBroken = errors.New("the directory is down")
