package rp

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/eventstream"
	"github.com/tandem-sso/tandem/rp/store"
)

// noStreams tells the operator once that streams do not work. It returns the answer for the
// page.
func (v *streams) noStreams(w http.ResponseWriter) error {
	v.engine.Report([]store.Finding{{Code: "no_streams",
		Text: fmt.Sprintf("Event streams do not work through a %T, because it sends nothing before the response is "+
			"complete: a middleware for time-outs or compression is around %s/events, or the server cannot stream. "+
			"Pages ask every 15 s instead, so they hear of an end up to 15 s later. A ResponseWriter of your own "+
			"needs an Unwrap method. See docs/middleware.md.", eventstream.Innermost(w), v.cfg.Prefix)}})
	return &requestError{Status: http.StatusNotImplemented, Code: "no_streams", Err: errors.New("a middleware or the " +
		"server holds the response back until it is complete; poll instead (a ResponseWriter of your own needs an " +
		"Unwrap method)")}
}
