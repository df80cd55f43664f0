package rp

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/eventstream"
)

// noStreams tells the operator, once, and is the answer to the page.
func (v *streams) noStreams(w http.ResponseWriter) error {
	v.engine.Report([]Finding{{Code: "no_streams",
		Text: fmt.Sprintf("Event streams are not possible through a %T, which "+
			"cannot send anything before it is complete: a time-out or a compression stands around %s/events, or a "+
			"server "+
			"that cannot stream. Pages ask every 15 s instead, so they hear of an end that much later. A "+
			"ResponseWriter of "+
			"your own needs an Unwrap method. See docs/middleware.md.", eventstream.Innermost(w), v.cfg.Prefix)}})
	return &RequestError{Status: http.StatusNotImplemented, Code: "no_streams", Err: errors.New("a middleware or the " +
		"server keeps all back until it is complete; poll (a ResponseWriter of your own needs an Unwrap method)")}
}
