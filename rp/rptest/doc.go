// Package rptest tests the handlers and the routes of an application that logs people in with
// package rp. It needs no IdP and no network.
//
// A handler that calls rp.FromContext gets its session from [Request]:
//
//	r := rptest.Request(t, httptest.NewRequest("GET", "/", nil), rptest.Session{Subject: "ada"})
//	home(w, r)
//
// Routes behind RequireLogin need a [Party], which is a real relying party: sessions begin,
// are refreshed and end as in production. Only its IdP is simulated, in memory.
//
//	auth := rptest.New(t)
//	app := newApp(auth.RelyingParty)
//	app.ServeHTTP(w, auth.Request(httptest.NewRequest("GET", "/", nil), rptest.Session{Subject: "ada"}))
//
// It works inside a bubble of testing/synctest, too. It does not test the IdP: rp.Diagnose
// tells whether a client is registered correctly.
package rptest
