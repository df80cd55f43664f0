package guideapp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Refresh is the How of a token request with a refresh token, and NoAnswer the Err of a call
// that has got none, or one that was cut.
const (
	Refresh  = "refresh"
	NoAnswer = "no answer"
)

const maxAnswer = 1 << 20

// outcome reads the whole answer, so that one that is cut is noted as such, and gives it to the
// caller all the same. Of a refusal it returns the error code.
func outcome(resp *http.Response) string {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	resp.Body = &answer{io.MultiReader(bytes.NewReader(text), &failing{err}), resp.Body}
	if err != nil {
		return NoAnswer
	}
	var said struct {
		Error string `json:"error"`
	}
	if resp.StatusCode != http.StatusOK {
		_ = json.Unmarshal(text, &said) // what is no JSON names no error
	}
	return said.Error
}

type answer struct {
	io.Reader
	io.Closer
}

// failing fails as the body has; nil: it is at its end.
type failing struct{ err error }

func (f *failing) Read([]byte) (int, error) {
	if f.err == nil {
		return 0, io.EOF
	}
	return 0, f.err
}

// Refreshes are the token requests with a refresh token that began after since, in that order.
func Refreshes(all []Event, since time.Time) []Event {
	var calls []Event
	for _, e := range all {
		if e.What == "idp" && e.How == Refresh && e.Begun.After(since) {
			calls = append(calls, e)
		}
	}
	slices.SortFunc(calls, func(a, b Event) int { return a.Begun.Compare(b.Begun) })
	return calls
}

// Causes say why there was more than one refresh, one cause for each after the first. ok is
// false where one has none. The library allows two:
//   - the one before has brought no answer, a 429 or a 5xx: it is sent once more;
//   - the one before began about δ ago or more, so that the next signal was due. δ is chosen
//     within ±10 %, and a loaded machine sends later than the library counts.
func Causes(calls []Event, delta time.Duration) (said []string, ok bool) {
	ok = true
	for i, c := range calls {
		if i == 0 {
			continue
		}
		before := calls[i-1]
		gap := c.Begun.Sub(before.Begun)
		switch {
		case before.Err == NoAnswer && !c.Begun.Before(before.At):
			said = append(said, "the one before had no answer")
		case (strings.HasPrefix(before.Verdict, "5") || strings.HasPrefix(before.Verdict, "429")) &&
			!c.Begun.Before(before.At):
			said = append(said, "the one before was answered "+before.Verdict)
		case gap >= delta*3/4:
			said = append(said, fmt.Sprintf("the next signal was due, %v after the one before", gap.Round(time.Second)))
		default:
			said, ok = append(said, "no cause"), false
		}
	}
	return said, ok
}

// Listed are calls for people: when each began and ended after since, and what it brought.
func Listed(calls []Event, since time.Time) string {
	var b strings.Builder
	for _, c := range calls {
		fmt.Fprintf(&b, "\n  from %.3fs to %.3fs: %s", c.Begun.Sub(since).Seconds(), c.At.Sub(since).Seconds(),
			strings.TrimSpace(c.Verdict+" "+c.Err))
	}
	return b.String()
}
