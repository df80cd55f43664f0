// Package rp keeps the session of a web application in tandem with the session
// at its OpenID Provider (IdP): active anywhere is signed in everywhere, gone for a
// while is signed out everywhere, at once and with a reason.
//
// [New] makes a [RelyingParty] of a [Config]; the adapters (nethttpadapter, echoadapter)
// put it in front of handlers, which find the [Session] by [FromContext]. The pages under
// docs tell the rest: login.md, timeouts.md, apis.md, running.md, security.md.
//
// # Words
//
// The IdP session is the authentication session at the IdP, known by (iss, sid) of a
// person (iss, sub). The app session is what this package owns: one browser, one app, an
// opaque cookie and a record in a [store.Store]. Every request is [Active], because a
// person did something, or [Passive]. A signal is a call to the IdP that extends its
// session: a refresh, a userinfo call, an API that introspects, a top-level prompt=none. A
// confirmation is a signal that succeeded. An end has exactly one [reason.Reason].
//
// # How a request flows
//
//	cookie ─ id ─ Store.Load ─ decide ─┬─ live                 → handler
//	                                   ├─ live, signal due     → handler; the signal runs beside it
//	                                   ├─ live, signal overdue → signal first, then handler
//	                                   └─ ended(reason)        → 302, 401 or 503
//
// A signal is due every [Config.SignalEvery] of activity. It is overdue when the last
// confirmation is older than [Config.TrustFor]; if the IdP cannot answer then, it is 503
// with Retry-After, and the session is kept. Only the IdP's confirmed verdict, a logout, or
// a clock ends a session.
//
// An ended session is remembered for 24 h: its browser is told the reason, its tokens are
// revoked, and nothing brings it back. Its ID token serves a logout at the IdP for 2 min.
//
// # What others see
//
// No browser and no cache keeps what RequireLogin lets through ([Session.KeepPrivate]).
// A page of another origin makes no unsafe request and opens no WebSocket. CORS and
// framing are for the app's own headers.
//
// Nothing of this package prints a secret by fmt, log/slog or encoding/json, except a
// [Config], [Secret] or [Keys] in an unexported field of a struct of the app's own, which
// fmt does not ask. No error repeats what may be a token.
package rp
