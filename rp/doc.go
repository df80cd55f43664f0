// Package rp keeps the session of a web application in tandem with the session
// at its OpenID Provider: active anywhere is signed in everywhere, gone for a
// while is signed out everywhere, at once and with a reason.
//
// # Words
//
// The IdP session is the authentication session at the OpenID Provider, known by
// (iss, sid) of a person (iss, sub). The app session is what this package owns:
// one browser, one app, an opaque cookie and a record in a [Store]. Activity is a
// request made because a person did something; every request is [Active] or
// [Passive]. A signal is a call to the IdP that extends its session: a refresh, a
// userinfo call, an API that introspects, a top-level prompt=none. A confirmation
// is a signal that succeeded. An end has exactly one [Reason].
//
// # How a request flows
//
//	cookie ─ id ─ Store.Load ─ decide ─┬─ live                 → handler
//	                                   ├─ live, signal due     → handler; the signal runs beside it
//	                                   ├─ live, signal overdue → signal first, then handler
//	                                   └─ ended(reason)        → 302, 401 or 503
//
// A signal is due every [Config.SignalEvery] of activity and never delays a page.
// It is overdue when the last confirmation is older than [Config.TrustFor]; then
// the IdP is asked first, and if it cannot answer, the person gets 503 with
// Retry-After and keeps the session. Only the IdP's confirmed verdict, a logout,
// or a clock ends a session.
//
// # Numbers
//
//	SignalEvery     a fifth of the IdP's window if known, else half the access
//	                token's lifetime, at most 5 min, ±10 %
//	TrustFor        5 min, never longer than the IdP's window where that is known
//	Idle            none: the IdP's window decides for all apps together
//	Absolute        8 h
//	Skew            60 s
//	LoginTimeout    15 min
//	RequestTimeout  30 s
//	WaitFor         15 s: no person waits longer for the IdP
//	MaxCalls        64 calls of the IdP at once
//
// An ended session is remembered for 24 h: so long its browser is told the
// reason, its tokens are tried to be revoked, and nothing brings it back. Its ID token
// serves a logout at the IdP for 2 min, once.
//
// # What others see
//
// No browser and no cache keeps what RequireLogin lets through ([Session.KeepPrivate]).
// A page of another origin makes no unsafe request and opens no WebSocket. What it may
// read of other answers, and whether it may frame a page, is for the app's own headers
// to say (CORS, Content-Security-Policy).
//
// Nothing of this package prints a secret by fmt, log/slog or encoding/json, except a
// [Config], [Secret] or [Keys] in an unexported field of a struct of the app's own, which
// fmt does not ask. No error repeats what may be a token.
package rp
