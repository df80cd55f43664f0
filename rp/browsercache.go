package rp

import (
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/web"
)

// KeepPrivate sets the Cache-Control header of an answer that is made for this session: "no-store",
// or "private, no-cache" for scripts, styles, images and fonts (by Sec-Fetch-Dest). The adapters'
// RequireLogin calls it before the handler, which may set another value. A browser may keep the
// page in its back/forward cache all the same: docs/security.md.
func (s *Session) KeepPrivate(h http.Header) {
	s.keep[0] = "no-store"
	switch web.First(s.request.Header, "Sec-Fetch-Dest") {
	case "script", "style", "image", "font":
		s.keep[0] = "private, no-cache"
	}
	h["Cache-Control"] = s.keep[:] // no spare capacity: an append copies
}
