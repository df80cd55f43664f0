// Package rptest tests the handlers and the routes of an application that logs people in
// by package rp, without an IdP and without a network.
//
// A handler that asks rp.FromContext gets its session by [Request]:
//
//	r := rptest.Request(t, httptest.NewRequest("GET", "/", nil), rptest.Session{Subject: "ada"})
//	home(w, r)
//
// Routes behind RequireLogin get a [Party], which is a real relying party: sessions begin,
// are refreshed and end as they do in production. Only its IdP is made up and in memory.
//
//	auth := rptest.New(t)
//	app := newApp(auth.RelyingParty)
//	app.ServeHTTP(w, auth.Request(httptest.NewRequest("GET", "/", nil), rptest.Session{Subject: "ada"}))
//
// It works inside a bubble of testing/synctest, too. What it does not do is to test the
// IdP: whether a client is registered as it should be says rp.Diagnose.
package rptest
