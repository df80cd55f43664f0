// Package loginflow keeps log-ins in flight in the browser, sealed: what a log-in asks for and
// where it leads to, in its address and in the state, and the secrets that finish it, in a
// cookie of its own. It says what came back unchanged, and nothing of whether a log-in may be
// finished. It never asks the IdP, a store or a session.
package loginflow
