package rp

import (
	"mime"
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/outside"
)

// clean makes an error code from outside fit for a log line.
func clean(code string) string { return outside.Code(code) }

func contentType(h http.Header) string {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return t
}
