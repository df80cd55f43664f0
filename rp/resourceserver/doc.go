// Package resourceserver is for the API behind the apps: it takes access tokens
// (RFC 6750, bound ones by RFC 9449 and RFC 8705) and asks the IdP about each (RFC 7662), with a bounded cache
// if that is wanted.
//
// Introspection is what makes an API part of single sign-on: an IdP that binds
// tokens to the person's session extends the session with each question, and
// answers "inactive" once the session is over. A cache weakens both: for at most
// [Config.CacheFor] the IdP does not hear of activity, and a token whose session
// has ended is still taken. So there is none by default.
//
// The package needs nothing but the standard library and knows no app: it can be
// used without the rest of Tandem.
package resourceserver
