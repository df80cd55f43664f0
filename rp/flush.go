package rp

import (
	"errors"
	"fmt"
	"net/http"
)

// innermost is the ResponseWriter that all others are wrapped around, as far as they say.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = inner.Unwrap()
	}
}

// canFlush asks the innermost: those around it may have a Flush that does nothing where
// there is nothing below that can.
func canFlush(w http.ResponseWriter) bool {
	switch innermost(w).(type) {
	case interface{ FlushError() error }, http.Flusher:
		return !pretends(w)
	}
	return false
}

// pretends reports whether the Flush of a ResponseWriter does nothing: fasthttp's adaptor,
// which fiber v2 uses, keeps all that is written until the handler returns, and does not
// say when a browser has gone. Nothing but its name tells; the one of later versions, which
// can stream, has another name.
func pretends(w http.ResponseWriter) bool {
	return fmt.Sprintf("%T", innermost(w)) == "*fasthttpadaptor.netHTTPResponseWriter"
}

// noStreams tells the operator, once, and is the answer to the page.
func (p *RelyingParty) noStreams(w http.ResponseWriter) error {
	p.report([]Finding{{Code: "no_streams", Text: fmt.Sprintf("Event streams are not possible through a %T, which "+
		"cannot send anything before it is complete: a time-out or a compression stands around %s/events, or a server "+
		"that cannot stream. Pages ask every 15 s instead, so they hear of an end that much later. A ResponseWriter of "+
		"your own needs an Unwrap method. See docs/middleware.md.", innermost(w), p.cfg.Prefix)}})
	return &RequestError{Status: http.StatusNotImplemented, Code: "no_streams", Err: errors.New("a middleware or the " +
		"server keeps all back until it is complete; poll (a ResponseWriter of your own needs an Unwrap method)")}
}
