package simulation

import (
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// The handlers of an app. What they say of the session is what the oracle
// believes was served.
const (
	servedHeader = "Sim-Served"
	whoseHeader  = "Sim-Whose" // issuer and subject
	apiHeader    = "Sim-Api"
	listHeader   = "Sim-List"
)

func routes(in *instance, auth *rp.RelyingParty, web *nethttpadapter.Adapter) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	page := http.HandlerFunc(served)
	mux.Handle("/page", web.RequireLogin(page))
	mux.Handle("/public", web.OptionalLogin(http.HandlerFunc(greets)))
	mux.Handle("/poll", web.RequireLogin(web.Passive(page)))
	mux.Handle("/call-api", web.RequireLogin(http.HandlerFunc(callsAPI)))
	mux.Handle("/socket", web.RequireLogin(handsOver(in)))
	mux.Handle("/save", web.RequireLogin(saves(auth)))
	mux.Handle("/sessions", web.RequireLogin(http.HandlerFunc(listsSessions)))
	mux.Handle("/end", web.RequireLogin(http.HandlerFunc(endsSession)))
	return mux
}

func tell(w http.ResponseWriter, s *rp.Session) {
	w.Header().Set(servedHeader, s.Name())
	w.Header().Set(whoseHeader, s.Issuer()+" "+s.Subject())
}

func served(w http.ResponseWriter, r *http.Request) {
	tell(w, rp.FromContext(r.Context()))
	w.WriteHeader(http.StatusOK)
}

// greets is a public page.
func greets(w http.ResponseWriter, r *http.Request) {
	if s := rp.FromContext(r.Context()); s != nil {
		tell(w, s)
	}
	w.WriteHeader(http.StatusOK)
}

func callsAPI(w http.ResponseWriter, r *http.Request) {
	s := rp.FromContext(r.Context())
	tell(w, s)
	api := strings.Replace(s.Issuer(), "idp", "api", 1)
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, api+"/whoami", nil)
	if err != nil {
		panic(err)
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		w.Header().Set(apiHeader, err.Error())
		w.WriteHeader(http.StatusOK)
		return
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	w.Header().Set(apiHeader, fmt.Sprint(resp.StatusCode))
	w.WriteHeader(http.StatusOK)
}

// listsSessions is the page that shows people where they are logged in.
func listsSessions(w http.ResponseWriter, r *http.Request) {
	s := rp.FromContext(r.Context())
	list, err := s.List(r.Context())
	if err != nil {
		tryAgain(w)
		return
	}
	tell(w, s)
	for _, info := range list {
		w.Header().Add(listHeader, info.Name)
	}
	w.WriteHeader(http.StatusOK)
}

func endsSession(w http.ResponseWriter, r *http.Request) {
	if err := rp.FromContext(r.Context()).End(r.Context()); err != nil {
		tryAgain(w)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func tryAgain(w http.ResponseWriter) {
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
}
