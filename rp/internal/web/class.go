package web

import (
	"context"
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/classify"
)

// Classifier decides whether a person has caused a request to one app.
type Classifier struct {
	// Says is Config.Classify: the app's own decision. ok is false if the app does not decide.
	// Nil: it never decides.
	Says func(*http.Request) (active, ok bool)
	// Trusted returns the origins whose pages count as the app's own, for the host name that a
	// request uses.
	Trusted func(*http.Request) map[string]bool
}

type markKey struct{}

// WithMark marks the requests of a route.
func WithMark(ctx context.Context, m classify.Mark) context.Context {
	return context.WithValue(ctx, markKey{}, m)
}

// Mark is what the application says about a request.
func (c *Classifier) Mark(r *http.Request) classify.Mark {
	if m, ok := c.forced(r); ok {
		return m
	}
	if m, ok := r.Context().Value(markKey{}).(classify.Mark); ok {
		return m
	}
	return classify.Unmarked
}

// forced is what Config.Classify says about this request. It goes before the mark of the route.
func (c *Classifier) forced(r *http.Request) (classify.Mark, bool) {
	if c.Says == nil {
		return classify.Unmarked, false
	}
	switch active, ok := c.Says(r); {
	case !ok:
		return classify.Unmarked, false
	case active:
		return classify.Forced, true
	}
	return classify.Passive, true
}

// IsActive reports whether a request counts as activity. An unclear request does: to log out a
// person who is there would be worse.
func (c *Classifier) IsActive(r *http.Request, m classify.Mark, sentUser bool) bool {
	return classify.Request(r.Method, r.Header,
		classify.Facts{Mark: m, SentUser: sentUser, Trusted: c.Trusted(r)}) != classify.Page
}
