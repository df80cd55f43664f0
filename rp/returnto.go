package rp

import "github.com/tandem-sso/tandem/rp/internal/site"

// SafeReturnTo returns path if it leads to a page of this app, else "/". So the log-in is no
// open redirector (RFC 9700 §4.11).
func SafeReturnTo(path string) string { return site.SafeReturnTo(path) }
