package web

import (
	"context"
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/classify"
)

// Classifier says of requests to one app whether a person has caused them.
type Classifier struct {
	// Says is the app's own word; ok is false where it has none. Nil: it never has.
	Says func(*http.Request) (active, ok bool)
	// Trusted are the origins whose pages are the app's, for the name that a request uses.
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

// forced is what the app says of this very request, which goes before the mark of its route.
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

// IsActive takes what nobody can tell for a person's: to log out somebody who is there
// would be worse.
func (c *Classifier) IsActive(r *http.Request, m classify.Mark, sentUser bool) bool {
	return classify.Request(r.Method, r.Header,
		classify.Facts{Mark: m, SentUser: sentUser, Trusted: c.Trusted(r)}) != classify.Page
}
