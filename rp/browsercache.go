package rp

import "net/http"

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
	switch first(s.request.Header, "Sec-Fetch-Dest") {
	case "script", "style", "image", "font":
		s.keep[0] = "private, no-cache"
	}
	h["Cache-Control"] = s.keep[:] // no spare capacity: an append copies
}

// noStore is for every answer of the library itself: nobody keeps it, and nobody
// guesses that it is of another type than it says.
func noStore(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

// forgetPages makes Chromium drop the pages with "no-store" that it has put into its
// back/forward cache: it does so when an HttpOnly cookie changes. The cookie is one of
// its own, and gone after a second: to set the session's anew could overwrite that of
// a log-in in another tab.
//
// Clear-Site-Data is not sent. "cache" leaves the back/forward cache alone, as measured
// in Chromium 156, and makes the browser work for a second where its cache is full;
// "cookies" would take those of sibling apps with it.
func (p *RelyingParty) forgetPages(h http.Header) {
	c := p.cookie(p.cfg.CookieName+"-ended", "1")
	c.MaxAge = 1
	h.Add("Set-Cookie", c.String())
}
