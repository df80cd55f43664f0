package eventstream

import (
	"fmt"
	"net/http"
)

// CanFlush asks the innermost: those around it may have a Flush that does nothing where
// there is nothing below that can.
func CanFlush(w http.ResponseWriter) bool {
	switch Innermost(w).(type) {
	case interface{ FlushError() error }, http.Flusher:
		return !pretends(w)
	}
	return false
}

// Innermost is the ResponseWriter that all others are wrapped around, as far as they say.
func Innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		inner, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = inner.Unwrap()
	}
}

// pretends reports whether the Flush of a ResponseWriter does nothing: fasthttp's adaptor,
// which fiber v2 uses, keeps all that is written until the handler returns, and does not
// say when a browser has gone. Nothing but its name tells; the one of later versions, which
// can stream, has another name.
func pretends(w http.ResponseWriter) bool {
	return fmt.Sprintf("%T", Innermost(w)) == "*fasthttpadaptor.netHTTPResponseWriter"
}
