// Package idpmock is an OpenID Provider in memory, for tests and demos: one that
// keeps real sessions on the server, tells clients when they end, and can
// misbehave in every way that a client has to withstand.
//
// A session slides: every touch sets its deadline to exactly now plus the idle
// window, never past its absolute end. A client whose lifetime is coordinated
// touches it by a refresh, a userinfo call or the introspection of its access
// token, and all of those fail once the session is gone. Logout, an
// administrator's [IDP.EndSession] and expiry end it for all clients at once:
// grants are deleted and logout tokens delivered (OpenID Connect Back-Channel
// Logout 1.0).
//
// Real providers behave otherwise in many ways. A [Temperament] says how, in
// fields that can be set one by one, and [Like] returns that of a provider by
// its name: which tokens it issues and announces, what extends and what proves
// the session, what a revocation takes along, its own words of refusal, its
// logout tokens and its discovery document.
//
// It is all in memory and made for tests. Don't put it before real data.
package idpmock
