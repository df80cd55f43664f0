// Package adapter has the types that an adapter for a web framework needs beside package rp.
//
// An adapter does three things. It mounts rp.RelyingParty.Endpoints. Its middleware calls
// Authenticate or Optional, passes Session.Request on to the handler after Session.KeepPrivate,
// and sends RelyingParty.Answer instead if there is an error. It marks routes with
// activity.Mark. nethttpadapter and echoadapter do no more.
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
