// Package adapter has the types that an adapter for a web framework needs beside package rp.
//
// An adapter mounts rp.RelyingParty.Endpoints, and marks routes with activity.Mark. Its middleware
// does this:
//
//  1. It calls Authenticate, or Optional. After an error it sends RelyingParty.Answer of the
//     request and the error.
//  2. If the route has LoginOptions, it calls Session.Satisfies with them: only this checks roles,
//     acr and the age of the log-in. After an error it sends RelyingParty.Answer of
//     Session.Request (not of its own request, which knows no session) and the error.
//  3. It calls Session.KeepPrivate, and passes Session.Request on to the handler. A page that is
//     for everybody (Optional) gets the header Vary: Cookie.
//
// nethttpadapter and echoadapter do no more.
package adapter

import (
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/answer"
	"github.com/tandem-sso/tandem/rp/reason"
)

// Endpoint is one of the library's own pages. An adapter mounts it at Prefix()+Path and
// renders its error with rp.RelyingParty.Answer.
type Endpoint struct {
	Method string
	Path   string // below Prefix
	Handle func(http.ResponseWriter, *http.Request) error
}

// Answer is the answer to a browser or script instead of the page that it asked for.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Problem is the body in the form in which a framework may want to render it;
	// nil if the answer is a page or a redirect.
	Problem *Problem
}

// ErrorHeader is Tandem-Error: it repeats Problem.Error.
const ErrorHeader = answer.Header

// Problem is the JSON answer to scripts. LoginURL is empty if no person caused the request,
// because a script would go there by itself.
type Problem struct {
	Error    string          `json:"error"` // login_required, session_ended, session_unconfirmed, …
	Reason   reason.Reason   `json:"reason,omitempty"`
	Cause    reason.EndCause `json:"cause,omitempty"`
	LoginURL string          `json:"login_url,omitempty"`
}

// Write sends the answer.
func (a Answer) Write(w http.ResponseWriter) {
	a.AddTo(w.Header())
	w.WriteHeader(a.Status)
	_, _ = w.Write(a.Body)
}

// AddTo puts the answer's header into h, for a framework that renders Problem itself.
// It replaces headers of the same name, but adds cookies.
func (a Answer) AddTo(h http.Header) {
	for name, v := range a.Header {
		if name == "Set-Cookie" {
			v = append(h[name], v...)
		}
		h[name] = v
	}
}
