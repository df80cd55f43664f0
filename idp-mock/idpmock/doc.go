// Package idpmock is an OpenID Provider in memory, for tests and demos. It keeps real
// sessions on the server, tells clients when they end, and can misbehave in every way that a
// client has to withstand.
//
// A session slides: every touch sets its deadline to exactly now plus the idle window, never
// past its absolute end. A client whose lifetime is coordinated touches it by a refresh, a
// userinfo call or the introspection of its access token; these calls fail when the session
// has ended. Logout, an administrator's [IDP.EndSession] and expiry end it for all clients at
// once: grants are deleted and logout tokens delivered (OpenID Connect Back-Channel Logout
// 1.0).
//
// Real providers differ in many ways. A [Temperament] describes how, in fields that can be
// set one by one, and [Like] returns the Temperament of a provider by its name: which tokens
// it issues and announces, what extends and what proves the session, what a revocation also
// revokes, its own error answers, its logout tokens and its discovery document.
//
// Everything is in memory and made for tests. Don't protect real data with it.
package idpmock
