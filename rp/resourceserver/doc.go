// Package resourceserver is for the API behind the apps: it accepts access tokens (RFC 6750, bound ones by RFC
// 9449 and RFC 8705) and asks the IdP about each (RFC 7662), with a bounded cache if that is wanted.
//
// Introspection makes an API part of single sign-on: an IdP that binds tokens to the person's
// session extends the session with each introspection, and answers "inactive" once the
// session is over. A cache weakens both: for at most [Config.CacheFor] the IdP does not hear
// of activity, and a token whose session has ended is still accepted. So there is no cache by
// default.
//
// The package can be used without an app of Tandem.
package resourceserver
