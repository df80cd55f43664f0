package authrequest

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/rp/internal/dpop"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
)

// Own are the parameters that the library sets. Nobody else may set them.
var Own = []string{"client_id", "redirect_uri", "response_type", "response_mode", "scope", "state", "nonce",
	"code_challenge", "code_challenge_method", "request", "request_uri", "id_token_hint", "client_secret"}

// Requests makes the authorization requests of one client.
type Requests struct {
	IdP          *idp.Provider
	Logins       *loginflow.Logins // encrypts the state
	ClientID     string
	Scopes       []string
	Params       map[string]string // of every request
	MaxAge       time.Duration
	Resources    []string // of the APIs (RFC 8707 §2.1)
	ResponseMode string
	References   *References // the IdP fetches the requests; nil: it does not
	// LeftOut is called for each parameter that is left out because a log-in may not set it.
	LeftOut func(name string)
}

// ByFormPost reports whether the IdP posts its answers to new requests.
func (q *Requests) ByFormPost() bool { return idp.Posts(q.Mode()) }

// Mode is the response_mode of new requests.
func (q *Requests) Mode() string {
	mode, modes := q.ResponseMode, q.IdP.At().ResponseModes
	switch {
	case idp.IsJARM(mode), mode == idp.FormPost:
		return mode
	case mode == "" && slices.Contains(modes, idp.FormPost) && !slices.Contains(modes, "query"):
		return idp.FormPost
	}
	return idp.Query
}

// Login returns the address of a log-in's request, with all parameters.
func (q *Requests) Login(f *loginflow.Flow) string {
	opts := append(q.common(f), q.asks(&f.Wish)...)
	return q.url(f, opts) + q.resources(&f.Wish)
}

// common returns the parameters of every request.
func (q *Requests) common(f *loginflow.Flow) []oauth2.AuthCodeOption {
	opts := []oauth2.AuthCodeOption{
		oauth2.S256ChallengeOption(f.Verifier),
		oauth2.SetAuthURLParam("nonce", f.Nonce),
		oauth2.SetAuthURLParam("redirect_uri", f.RedirectURI),
	}
	if f.DPoP != "" { // so no other key can fetch tokens with the code (RFC 9449 §10)
		opts = append(opts, oauth2.SetAuthURLParam("dpop_jkt", dpop.Of(f.DPoP).Thumbprint()))
	}
	if f.Mode != idp.Query { // query is the default of the IdP
		opts = append(opts, oauth2.SetAuthURLParam("response_mode", f.Mode))
	}
	return opts
}

// asks returns the other parameters of a log-in: those of the configuration and its own.
func (q *Requests) asks(w *loginflow.Wish) (opts []oauth2.AuthCodeOption) {
	set := func(name, value string) { opts = append(opts, oauth2.SetAuthURLParam(name, value)) }
	for name, value := range q.Params {
		set(name, value)
	}
	for name, value := range w.Params {
		if slices.Contains(Own, name) {
			q.LeftOut(name)
			continue
		}
		set(name, value)
	}
	if len(w.ACR) > 0 {
		set("acr_values", strings.Join(w.ACR, " "))
	}
	age := q.MaxAge
	if w.Age > 0 && (age == 0 || w.Age < age) {
		age = w.Age
	}
	if age > 0 {
		set("max_age", fmt.Sprint(int(age/time.Second)))
	}
	if len(w.Scopes) > 0 {
		set("scope", q.scopes(w))
	}
	return opts
}

func (q *Requests) scopes(w *loginflow.Wish) string {
	return strings.Join(append(slices.Clone(q.Scopes), w.Scopes...), " ")
}

func (q *Requests) url(f *loginflow.Flow, opts []oauth2.AuthCodeOption) string {
	to := oauth2.Config{ClientID: q.ClientID, Scopes: q.Scopes, Endpoint: oauth2.Endpoint{AuthURL: q.IdP.At().AuthURL}}
	return to.AuthCodeURL(q.Logins.State(f.State, f.Target()), opts...)
}

// resources returns the resource parameters of the APIs, to be added to the URL: oauth2 sets only
// one value for each name. A resource of the configuration or of the log-in goes before them.
func (q *Requests) resources(w *loginflow.Wish) (query string) {
	if q.Params["resource"] != "" || w.Params["resource"] != "" {
		return ""
	}
	for _, r := range q.Resources {
		query += "&resource=" + url.QueryEscape(r)
	}
	return query
}
