package idpmock_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// notesApp is an app under test, as small as one can be: it believes whatever
// token it gets. A real one verifies.
type notesApp struct {
	http *http.Client
	mu   sync.Mutex
	in   map[string]string // subject by sid
}

func (a *notesApp) LoginURL() string { return authURL("https://idp.example", "notes") }

func (a *notesApp) SignedIn(subject string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, sub := range a.in {
		if sub == subject {
			return true
		}
	}
	return false
}

func (a *notesApp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/cb":
		form := url.Values{"grant_type": {"authorization_code"}, "code": {r.FormValue("code")},
			"redirect_uri": {"https://notes.example/cb"}, "code_verifier": {verifier}}
		req, _ := http.NewRequest(http.MethodPost, "https://idp.example/token", strings.NewReader(form.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth("notes", "notes-secret")
		resp, err := a.http.Do(req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		var tokens struct {
			IDToken string `json:"id_token"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&tokens); err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		sub, sid := subjectOf(tokens.IDToken)
		a.mu.Lock()
		a.in[sid] = sub
		a.mu.Unlock()
	case "/logout":
		_, sid := subjectOf(r.PostFormValue("logout_token"))
		a.mu.Lock()
		delete(a.in, sid)
		a.mu.Unlock()
	}
}

func subjectOf(raw string) (sub, sid string) {
	_, c := claimsOf(raw)
	sub, _ = c["sub"].(string)
	sid, _ = c["sid"].(string)
	return sub, sid
}
