package apps

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store"
)

const maxAnswer = 1 << 20 // bytes that are passed on of an API's answer

// Person is the JSON of /me.
type Person struct {
	Subject string    `json:"subject"`
	Issuer  string    `json:"issuer"`
	SID     string    `json:"sid,omitempty"`
	Name    string    `json:"name,omitempty"`
	Client  string    `json:"client"`
	Kind    string    `json:"kind"`
	Session string    `json:"session"` // as in logs and events
	Class   string    `json:"class"`   // of this request
	Since   time.Time `json:"since"`
	// Instance that served this, from 1; only where there are several.
	Instance int `json:"instance,omitempty"`
}

// DisplayName is what to call the person.
func (p Person) DisplayName() string {
	if p.Name != "" {
		return p.Name
	}
	return p.Subject
}

// Person tells whose session it is.
func (a *App) Person(s *rp.Session) Person {
	var claims struct {
		Name     string `json:"name"`
		Username string `json:"preferred_username"`
	}
	_ = s.Claims(&claims) // without a name the subject has to do
	if claims.Name == "" {
		claims.Name = claims.Username
	}
	instance := 0
	if a.Instances() > 1 {
		instance = a.number
	}
	return Person{Subject: s.Subject(), Issuer: s.Issuer(), SID: s.SID(), Name: claims.Name, Client: a.cfg.ClientID,
		Kind: a.Kind.String(), Session: s.Name(), Class: s.Class().String(), Since: s.Started(), Instance: instance}
}

// Home is the public page. That it is looked at extends nothing.
func (a *App) Home(w http.ResponseWriter, r *http.Request) {
	status, err := a.RP.SessionStatus(r)
	if err != nil {
		a.RP.Answer(r, err).Write(w)
		return
	}
	a.page(w, r, "", status.Subject, home(a, status))
}

// Private is the page that needs a session.
func (a *App) Private(w http.ResponseWriter, r *http.Request) {
	s := rp.FromContext(r.Context())
	var claims map[string]any
	if err := s.Claims(&claims); err != nil {
		a.RP.Answer(r, err).Write(w)
		return
	}
	text, _ := json.MarshalIndent(claims, "", "  ") // which came as JSON
	p := a.Person(s)
	desk, err := a.Desk(a, r, p)
	if err != nil {
		a.RP.Answer(r, err).Write(w)
		return
	}
	a.page(w, r, "Private", p.DisplayName(), private(a, p, string(text), desk))
}

// Me is the JSON twin of Private.
func (a *App) Me(w http.ResponseWriter, r *http.Request) {
	JSON(w, http.StatusOK, a.Person(rp.FromContext(r.Context())))
}

// Passive is what a page polls.
func (a *App) Passive(w http.ResponseWriter, r *http.Request) { a.Me(w, r) }

// CallAPI calls the API with the session's access token and passes its answer on.
func (a *App) CallAPI(w http.ResponseWriter, r *http.Request) {
	if a.cfg.APIURL == "" {
		JSON(w, http.StatusNotFound, Failure{"no_api", "start this app with -api-url to have an API to call"})
		return
	}
	req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, strings.TrimSuffix(a.cfg.APIURL, "/")+"/whoami",
		nil)
	if err != nil {
		JSON(w, http.StatusInternalServerError, Failure{"api_url", "-api-url is not valid"})
		return
	}
	resp, err := rp.FromContext(r.Context()).Client().Do(req)
	if err != nil {
		a.apiFailed(w, r, err)
		return
	}
	defer resp.Body.Close()
	for _, name := range []string{"Content-Type", "WWW-Authenticate", "Retry-After"} {
		if v := resp.Header.Get(name); v != "" {
			w.Header().Set(name, v)
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(resp.StatusCode)
	_, _ = io.Copy(w, io.LimitReader(resp.Body, maxAnswer))
}

// Failure is the JSON of what went wrong.
type Failure struct {
	Error string `json:"error"`
	Text  string `json:"error_description,omitempty"`
}

// apiFailed renders an error of Session.Client. What concerns the session is the
// library's to answer.
func (a *App) apiFailed(w http.ResponseWriter, r *http.Request, err error) {
	var api *rp.APIError
	var down *url.Error
	switch {
	case a.Kind == rp.NoToken:
		JSON(w, http.StatusConflict, Failure{"no_access_token", "this app keeps no access token, so it cannot call " +
			"the API"})
	case errors.As(err, &api) && errors.Is(err, rp.ErrBlamedAPI):
		JSON(w, http.StatusBadGateway, Failure{"api_refused", "the API refuses a token that the IdP calls good; the " +
			"session is kept"})
	case errors.As(err, &api):
		JSON(w, http.StatusForbidden, Failure{"step_up", "the API asks for a stronger authorization"})
	case errors.Is(err, rp.ErrNoAccessToken):
		JSON(w, http.StatusConflict, Failure{"no_access_token", "there is no access token that could be used now"})
	case concernsSession(err):
		a.RP.Answer(r, err).Write(w)
	case errors.As(err, &down):
		a.cfg.Logger.Warn("the API could not be called", "error", down.Err)
		JSON(w, http.StatusBadGateway, Failure{"api_unreachable", "the API could not be reached"})
	default:
		a.RP.Answer(r, err).Write(w)
	}
}

func concernsSession(err error) bool {
	var trouble *rp.UnavailableError
	return errors.As(err, &trouble) || errors.Is(err, store.ErrEnded) || errors.Is(err, rp.ErrAnonymous) ||
		errors.Is(err, rp.ErrReauthenticate) || errors.Is(err, rp.ErrUnconfirmed)
}

// JSON writes v.
func JSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// page renders content in the app's frame, for who if anybody is logged in.
func (a *App) page(w http.ResponseWriter, r *http.Request, title, who string, content templ.Component) {
	name := a.Title
	if title != "" {
		name = title + " · " + name
	}
	Write(w, r, http.StatusOK, Page{Title: name, Styles: []string{"/static/app.css"},
		Scripts: []string{a.RP.Prefix() + "/session.js", "/static/app.js"}, FormsTo: a.cfg.Issuer,
		Body: frame(a, who, content)})
}
