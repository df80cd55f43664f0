package rp

import (
	"context"
	"net/http"
	"strings"

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
// "active". "active" cannot make a prefetch or an event stream active.
const ActivityHeader = "Tandem-Activity"

type classKey struct{}

// WithClass marks the requests of a route, whatever they look like. The adapters'
// Passive and Active use it.
func WithClass(ctx context.Context, c Class) context.Context {
	return context.WithValue(ctx, classKey{}, c)
}

// Activity classifies a request. In this order: Config.Classify; the mark of the
// route (WithClass); the page's own word "passive" (ActivityHeader); what cannot be a
// person's doing (prefetch, event stream, WebSocket, sub-resources and frames by
// Fetch Metadata); else it is Active. So a poll that fetches JSON has to be
// marked Passive by route or header: nothing in the request itself tells it from
// a click.
func (p *RelyingParty) Activity(r *http.Request) Class {
	if p.cfg.Classify != nil {
		if c, ok := p.cfg.Classify(r); ok {
			return c
		}
	}
	if c, ok := r.Context().Value(classKey{}).(Class); ok {
		return c
	}
	return activity(r.Header)
}

func activity(h http.Header) Class {
	if strings.EqualFold(first(h, ActivityHeader), "passive") {
		return Passive
	}
	if isPrefetch(h) {
		return Passive
	}
	switch first(h, "Sec-Fetch-Dest") {
	case "document": // a navigation: cheap to tell, and what matters most
	case "", "empty":
		if strings.Contains(first(h, "Accept"), "text/event-stream") || strings.EqualFold(first(h, "Upgrade"), "websocket") {
			return Passive
		}
	default:
		return Passive // image, script, style, iframe, websocket, …
	}
	return Active
}

// first reads a header whose name is in canonical form without searching further.
func first(h http.Header, name string) string {
	if v := h[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// isPrefetch: Sec-Purpose "prefetch", also ";prerender" (Fetch §2.2.7); older browsers
// send Purpose or X-Moz.
func isPrefetch(h http.Header) bool {
	return strings.Contains(first(h, "Sec-Purpose"), "prefetch") || first(h, "Purpose") == "prefetch" || first(h, "X-Moz") == "prefetch"
}
