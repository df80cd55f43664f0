package rp

import (
	"net/http"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/internal/answer"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
)

// maxRounds is how many log-ins in a row, each within a minute of the other, may ask for
// more: a page may need something, and an API behind it something else.
const maxRounds = 3

// stepUp asks for a log-in with more than the session has. The new log-in also asks for what
// the last one asked for. Otherwise two APIs that need one scope each would send the person
// back and forth. A page or an API that asks again for what the person has just logged in with
// is denied, and so is one that asks for something else each time: that would be a loop.
func (a *answers) stepUp(r *http.Request, w loginflow.Wish) answer.Answer {
	code := "insufficient_user_authentication" // RFC 9470 §3
	person, loop := a.activity.IsActive(r, a.activity.Mark(r), false), false
	if s := FromContext(r.Context()); s != nil && s.rp.engine == a.engine {
		person = s.Class() == activity.Active // it knows the browser
		had, _ := loginflow.ReadWish(s.state().Data.Wish)
		for _, scope := range w.Scopes {
			if !slices.Contains(had.Scopes, scope) {
				had.Scopes = append(had.Scopes, scope)
			}
		}
		w.Scopes, w.Round = had.Scopes, had.Round
		if a.engine.Now().Sub(s.Started()) >= time.Minute {
			w.Round = 0
		} else {
			loop = s.state().Data.Wish == w.Text() || w.Round >= maxRounds
		}
	}
	w.Round++
	more, ok := a.flows.More(w)
	if !ok {
		a.journal.log.Error("a page or an API asks for a log-in with too many or too long parameters, so the request "+
			"is refused", "bytes",
			len(w.Text()), "most", loginflow.MaxWish)
	}
	if loop || !ok {
		return a.replies.Denied(r, code)
	}
	return a.replies.StepUp(r, answer.Ask{More: more, Person: person}, code)
}
