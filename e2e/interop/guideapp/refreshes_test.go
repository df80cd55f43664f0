package guideapp

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// Which second refresh has a cause that the library allows (RT-08: once more after no answer), and
// which has none.
func TestCauses(t *testing.T) {
	const delta = 12 * time.Second
	at := func(from, to time.Duration, status, err string) Event {
		zero := time.Unix(1e9, 0)
		return Event{What: "idp", How: Refresh, Begun: zero.Add(from), At: zero.Add(to), Verdict: status, Err: err}
	}
	first := at(0, 100*time.Millisecond, "200 OK", "")
	lost := at(0, 5*time.Second, "", NoAnswer)
	cut := at(0, 5*time.Second, "200 OK", NoAnswer)
	failed := at(0, time.Second, "503 Service Unavailable", "")
	limited := at(0, time.Second, "429 Too Many Requests", "")
	refused := at(0, time.Second, "400 Bad Request", "invalid_grant")
	slow := at(0, 13*time.Second, "200 OK", "")
	then := func(from time.Duration) Event { return at(from, from+time.Second, "200 OK", "") }
	const (
		silent = "the one before had no answer"
		busy   = "the one before was answered "
		due    = "the next signal was due, 13s after the one before"
		none   = "no cause"
	)
	for name, c := range map[string]struct {
		calls []Event
		want  string
	}{
		"none":                 {nil, ""},
		"one":                  {[]Event{first}, ""},
		"beside the first":     {[]Event{first, then(time.Millisecond)}, none},
		"a little later":       {[]Event{first, then(5 * time.Second)}, none},
		"after no answer":      {[]Event{lost, then(6 * time.Second)}, silent},
		"after half an answer": {[]Event{cut, then(6 * time.Second)}, silent},
		"before it was known":  {[]Event{lost, then(4 * time.Second)}, none},
		"after a 503":          {[]Event{failed, then(2 * time.Second)}, busy + "503 Service Unavailable"},
		"after a 429":          {[]Event{limited, then(2 * time.Second)}, busy + "429 Too Many Requests"},
		"after a refusal":      {[]Event{refused, then(2 * time.Second)}, none},
		"when the next is due": {[]Event{slow, then(13 * time.Second)}, due},
		"two more":             {[]Event{lost, then(6 * time.Second), then(7 * time.Second)}, silent + ", " + none},
	} {
		said, ok := Causes(c.calls, delta)
		if got := strings.Join(said, ", "); got != c.want || ok == strings.Contains(c.want, "no cause") {
			t.Errorf("%s: %q %v, want %q", name, got, ok, c.want)
		}
	}
}

// What is listed begins after since, in the order in which it began.
func TestRefreshes(t *testing.T) {
	since := time.Unix(1e9, 0)
	at := func(what, how string, from, to int) Event {
		return Event{What: what, How: how, Begun: since.Add(time.Duration(from) * time.Second),
			At: since.Add(time.Duration(to) * time.Second), Verdict: "200 OK"}
	}
	got := Listed(Refreshes([]Event{at("idp", Refresh, -3, 1), at("idp", Refresh, 2, 3), at("idp", Refresh, 1, 4),
		at("idp", "GET /keys", 1, 2), at("signal", Refresh, 1, 2)}, since), since)
	if want := "\n  from 1.000s to 4.000s: 200 OK\n  from 2.000s to 3.000s: 200 OK"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// The transport notes the outcome of a token request, and the caller gets what the IdP has said.
func TestOutcome(t *testing.T) {
	broken := errors.New("cut")
	for want, body := range map[string]io.Reader{
		"":              strings.NewReader("no JSON"),
		"invalid_grant": strings.NewReader(`{"error":"invalid_grant"}`),
		NoAnswer:        io.MultiReader(strings.NewReader(`{"err`), iotest.ErrReader(broken)),
	} {
		resp := &http.Response{StatusCode: http.StatusBadRequest, Body: io.NopCloser(body)}
		if got := outcome(resp); got != want {
			t.Errorf("%q, want %q", got, want)
		}
		text, err := io.ReadAll(resp.Body)
		if len(text) == 0 || (want == NoAnswer) != errors.Is(err, broken) {
			t.Errorf("%q: the caller gets %q, %v", want, text, err)
		}
	}
}
