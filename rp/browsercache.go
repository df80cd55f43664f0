package rp

import (
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/web"
)

// KeepPrivate sets the Cache-Control header of an answer that is made for this
// session. The adapters' RequireLogin calls it before the handler, which may set
// another value. Who calls Authenticate without an adapter calls it too.
//
// The value is "no-store", so that a document or a fetch is shown by no browser and
// no cache once the session has ended. Scripts, styles, images and fonts, as the
// request names them by Sec-Fetch-Dest, get "private, no-cache": the browser keeps
// them and asks each time whether they are still good, which needs the session.
//
// Not done: a browser may keep a page that is left in its back/forward cache, which
// is no HTTP cache. Firefox keeps no page with "no-store". Chromium keeps it for up
// to three minutes, until an HttpOnly cookie of this site changes: the library sets
// one when it logs a person out, and when it tells a browser that its session has
// ended. Of an end that the browser has not been told of, session.js takes care; a
// page without it may come back.
func (s *Session) KeepPrivate(h http.Header) {
	s.keep[0] = "no-store"
	switch web.First(s.request.Header, "Sec-Fetch-Dest") {
	case "script", "style", "image", "font":
		s.keep[0] = "private, no-cache"
	}
	h["Cache-Control"] = s.keep[:] // no spare capacity: an append copies
}
