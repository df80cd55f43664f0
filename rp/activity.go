package rp

import (
	"context"
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/activity"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
)

// Class says whether a request is activity of a person.
type Class uint8

const (
	// Passive requests are made by the page or the browser: polls, event streams,
	// images, prefetches. They never keep anybody signed in.
	Passive = Class(lifetime.Passive)
	// Active requests are made because a person did something.
	Active = Class(lifetime.Active)
)

func (c Class) String() string {
	if c == Active {
		return "active"
	}
	return "passive"
}

// ActivityHeader lets a page's own script say what a fetch is: "passive" or
// "active". "active" decides only where the request itself leaves it open.
const ActivityHeader = activity.Header

type classKey struct{}

// WithClass marks the requests of a route. The adapters' Passive and Active use it. What
// is marked Passive never is activity. What is marked Active is, where a person and a page
// send the same: no mark makes activity of a prefetch, an image, a beacon, an event
// stream, or what a page of another origin fetches.
func WithClass(ctx context.Context, c Class) context.Context {
	return context.WithValue(ctx, classKey{}, c)
}

// Activity classifies a request: docs/timeouts.md has the table. In this order: what
// cannot be a person's doing (prefetch, a fetch of a page of another origin); then
// Config.Classify; the mark of the route (WithClass) and the page's own word
// (ActivityHeader); what Fetch Metadata says. What stays open is Active. So a poll that
// fetches JSON has to be marked Passive by route or header: nothing in the request itself
// tells it from a click.
//
// It knows no session. Authenticate does, and so it also tells a navigation that a page
// makes by itself from a person's, in a browser that says so (Sec-Fetch-User).
func (p *RelyingParty) Activity(r *http.Request) Class { return p.classify(r, p.mark(r), false) }

// mark is what the application says about a request.
func (p *RelyingParty) mark(r *http.Request) activity.Mark {
	if m, ok := p.forced(r); ok {
		return m
	}
	if c, ok := r.Context().Value(classKey{}).(Class); ok {
		return markOf(c)
	}
	return activity.Unmarked
}

func (p *RelyingParty) forced(r *http.Request) (activity.Mark, bool) {
	if p.cfg.Classify == nil {
		return activity.Unmarked, false
	}
	switch c, ok := p.cfg.Classify(r); {
	case !ok:
		return activity.Unmarked, false
	case c == Active:
		return activity.Forced, true
	}
	return activity.Passive, true
}

func markOf(c Class) activity.Mark {
	if c == Active {
		return activity.Active
	}
	return activity.Passive
}

// classify takes what nobody can tell for a person's: to log out somebody who is there
// would be worse.
func (p *RelyingParty) classify(r *http.Request, m activity.Mark, sentUser bool) Class {
	if activity.Classify(r.Method, r.Header, activity.Facts{Mark: m, SentUser: sentUser, Trusted: p.site.Of(r).Trusted}) == activity.Page {
		return Passive
	}
	return Active
}
