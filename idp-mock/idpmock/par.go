package idpmock

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/internal/plain"
)

const (
	requestURIPrefix   = "urn:ietf:params:oauth:request_uri:"
	requestURILifetime = time.Minute
)

// pushedRequest is a stored authorization request (RFC 9126).
type pushedRequest struct {
	client string
	form   url.Values
	until  time.Time
}

// par stores an authorization request after the same checks that authorize
// makes.
func (p *IDP) par(w http.ResponseWriter, r *http.Request) {
	cfg, now := p.settings(), p.Now()
	c, oerr := p.authenticate(cfg, r)
	if oerr != nil {
		writeError(w, r, oerr)
		return
	}
	form := url.Values{}
	for k, v := range r.PostForm {
		switch k {
		case "client_secret", "client_assertion", "client_assertion_type":
		default:
			form[k] = v
		}
	}
	form.Set("client_id", c.ID)
	if form.Has("request_uri") { // RFC 9126 §2.1
		writeError(w, r, errInvalidRequest("request_uri must not be pushed"))
		return
	}
	inside, err := p.requestObject(cfg, form, false)
	if err != nil {
		writeError(w, r, &err.oauthError)
		return
	}
	a, err := p.parseAuthRequest(cfg, inside)
	if err != nil {
		writeError(w, r, &err.oauthError)
		return
	}
	jkt, oerr := p.dpopProof(cfg, w, r, "")
	if oerr == nil && jkt != "" && a.dpopJKT != "" && a.dpopJKT != jkt {
		oerr = &oauthError{status: http.StatusBadRequest, Code: "invalid_dpop_proof",
			Desc: "dpop_jkt differs from the proof's key"}
	}
	if oerr != nil {
		writeError(w, r, oerr)
		return
	}
	if jkt != "" {
		form.Set("dpop_jkt", jkt) // RFC 9449 §10.1
	}
	uri := requestURIPrefix + newSecret()
	p.mu.Lock()
	p.pushed[keyOf(uri)] = &pushedRequest{client: c.ID, form: form, until: now.Add(requestURILifetime)}
	p.mu.Unlock()
	plain.Write(w, http.StatusCreated, map[string]any{"request_uri": uri,
		"expires_in": int(requestURILifetime / time.Second)})
}

// requested returns the parameters of an authorization request: those pushed
// before or fetched, if it names a request_uri, and then nothing of the query
// counts; else those of its request object, if it has one.
func (p *IDP) requested(cfg *settings, r *http.Request) (url.Values, *authError) {
	form := r.Form
	if r.Method == http.MethodPost {
		form = r.PostForm
	}
	uri := form.Get("request_uri")
	c := cfg.clients[form.Get("client_id")]
	pushed := strings.HasPrefix(uri, requestURIPrefix)
	if c != nil && !pushed && (cfg.RequirePAR || c.RequirePAR) {
		return nil, refuse(nil, "invalid_request", "client %q must push its authorization requests (RFC 9126)", c.ID)
	}
	switch {
	case uri == "":
		return p.requestObject(cfg, form, false)
	case pushed:
		form, err := p.pushedForm(uri, form.Get("client_id"))
		if err != nil {
			return nil, err
		}
		return p.requestObject(cfg, form, false)
	case !cfg.RequestURI:
		return nil, refuse(nil, "request_uri_not_supported", "only a request_uri from the pushed authorization "+
			"request endpoint is accepted")
	case c == nil:
		return nil, refuse(nil, "invalid_request", "client_id is missing or unknown")
	}
	raw, err := p.fetchRequest(r.Context(), cfg, c, uri)
	if err != nil {
		return nil, err
	}
	return p.requestObject(cfg, url.Values{"client_id": {c.ID}, "request": {raw}}, true)
}

// pushedForm takes the parameters that were pushed under this name.
func (p *IDP) pushedForm(uri, client string) (url.Values, *authError) {
	now := p.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	pr := p.pushed[keyOf(uri)]
	delete(p.pushed, keyOf(uri)) // good once
	if pr == nil || !now.Before(pr.until) || pr.client != client {
		return nil, refuse(nil, "invalid_request_uri", "request_uri is unknown, used, expired or another client's")
	}
	return pr.form, nil
}
