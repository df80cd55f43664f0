package rp

import (
	"context"
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/activity"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/internal/web"
)

// Class says whether a request is activity of a person.
type Class uint8

const (
	// Passive requests are made by the page or the browser: polls, event streams, images,
	// prefetches. They keep nobody signed in.
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

// ActivityHeader lets a page's own script mark a fetch: "passive" or "active". "active"
// decides only if the request itself leaves it open.
const ActivityHeader = activity.Header

// WithClass marks the requests of a route; the adapters' Passive and Active use it. A request
// that is marked Passive is never activity. A prefetch, an image, a beacon, an event stream
// or a fetch by a page of another origin is not activity, whatever the mark.
func WithClass(ctx context.Context, c Class) context.Context {
	return web.WithMark(ctx, markOf(c))
}

// Activity classifies a request, in this order: requests that a person cannot have made (a
// prefetch, a fetch by a page of another origin); Config.Classify; the mark of the route
// (WithClass) and of the page's script (ActivityHeader); Fetch Metadata. A request that stays
// unclear is Active, so mark a poll that fetches JSON. docs/timeouts.md has the table.
//
// Activity does not look at the session. Authenticate does, so in a browser that sends
// Sec-Fetch-User it also distinguishes a page's own navigation from a person's.
func (p *RelyingParty) Activity(r *http.Request) Class {
	return classOf(p.gate.activity.IsActive(r, p.gate.activity.Mark(r), false))
}

func classOf(active bool) Class {
	if active {
		return Active
	}
	return Passive
}

func markOf(c Class) activity.Mark {
	if c == Active {
		return activity.Active
	}
	return activity.Passive
}

// newClassifier makes the classifier of requests from Config.Classify and the trusted origins.
func newClassifier(c *Config, app *site.App) *web.Classifier {
	w := &web.Classifier{Trusted: func(r *http.Request) map[string]bool { return app.Of(r).Trusted }}
	if c.Classify != nil {
		w.Says = func(r *http.Request) (active, ok bool) {
			class, ok := c.Classify(r)
			return class == Active, ok
		}
	}
	return w
}
