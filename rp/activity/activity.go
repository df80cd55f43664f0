// Package activity says which requests are activity of a person. Only these keep a session
// alive.
//
// These decide about a request, in this order: whether a person can have made it (a prefetch
// and a fetch by a page of another origin are never activity); rp.Config.Classify; the mark of
// the route (Mark, or Passive and Active of an adapter) and of the page's script (Header);
// Fetch Metadata. A request that stays unclear is Active, so mark a poll that fetches JSON.
// docs/timeouts.md has the table.
package activity

import (
	"context"

	"github.com/tandem-sso/tandem/rp/internal/classify"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/web"
)

// Class says whether a request is activity.
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

// Header is Tandem-Activity. With it a page's own script marks a fetch: "passive" or
// "active". "active" decides only if the request itself leaves it open.
const Header = classify.Header

// Mark marks the requests of a route; the adapters' Passive and Active use it. A request that
// is marked Passive is no activity, unless rp.Config.Classify says otherwise. Of two marks the
// inner one counts. A prefetch, an image, a beacon, an event stream or a
// fetch by a page of another origin is not activity, whatever the mark.
func Mark(ctx context.Context, c Class) context.Context {
	m := classify.Passive
	if c == Active {
		m = classify.Active
	}
	return web.WithMark(ctx, m)
}
