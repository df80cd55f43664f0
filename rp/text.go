package rp

import "github.com/tandem-sso/tandem/rp/internal/outside"

// clean makes an error code from outside fit for a log line.
func clean(code string) string { return outside.Code(code) }
