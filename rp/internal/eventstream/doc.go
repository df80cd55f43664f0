// Package eventstream writes server-sent events (HTML Standard §9.2) to one browser, each
// under a deadline of its own. What is said, and when, is for the caller to decide. It never
// reads a session, and starts no goroutine.
package eventstream
