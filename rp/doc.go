// Package rp keeps the session of a web application in tandem with the session
// at its OpenID Provider (IdP). A person who is active in one app stays signed in everywhere;
// a person who is gone for a while is signed out everywhere, at once and with a reason.
//
// [New] makes a [RelyingParty] from a [Config]; the adapters (nethttpadapter, echoadapter)
// put it in front of handlers, which find the [Session] with [FromContext]. For more see the
// pages under docs: login.md, timeouts.md, apis.md, running.md, security.md.
//
// # Words
//
// The IdP session is the authentication session at the IdP, identified by (iss, sid), of a
// person (iss, sub). The app session belongs to this package: one browser, one app, an opaque
// cookie and a record in a [store.Store]. A request is [activity.Active] if a person caused
// it, otherwise [activity.Passive]. A signal is a call to the IdP that extends the IdP
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
// confirmation is older than [Config.TrustFor]; if the IdP cannot answer then, the request
// gets 503 with Retry-After, and the session is kept. Only a confirmed answer of the IdP, a
// logout, or a time limit ends a session.
//
// An ended session is remembered for 24 h: its browser is told the reason, its tokens are
// revoked, and nothing brings it back. For 2 min its ID token can be used for a log-out at the
// IdP.
//
// # Protection
//
// No cache keeps a page behind RequireLogin; only a browser's back/forward cache may, for some
// minutes ([Session.KeepPrivate]). A page of another origin cannot make an unsafe request or
// open a WebSocket. The app itself sets headers for CORS and framing.
//
// No type of this package prints a secret by fmt, log/slog or encoding/json. The exception is
// a [Config], [Secret] or [Keys] in an unexported field of a struct of the app, because fmt
// does not call its methods. No error repeats text that may be a token.
package rp
