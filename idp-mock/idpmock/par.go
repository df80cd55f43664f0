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
	a, err := p.parseAuthRequest(cfg, form)
	if err != nil {
		writeError(w, r, &err.oauthError)
		return
	}
	jkt, oerr := p.dpopProof(cfg, w, r, "")
	if oerr == nil && jkt != "" && a.dpopJKT != "" && a.dpopJKT != jkt {
		oerr = &oauthError{status: http.StatusBadRequest, Code: "invalid_dpop_proof", Desc: "dpop_jkt differs from the proof's key"}
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
	plain.Write(w, http.StatusCreated, map[string]any{"request_uri": uri, "expires_in": int(requestURILifetime / time.Second)})
}

// pushedForm returns the parameters of an authorization request: those pushed
// before, if it names a request_uri, and then nothing of the query counts.
func (p *IDP) pushedForm(cfg *settings, r *http.Request) (url.Values, *authError) {
	form := r.Form
	if r.Method == http.MethodPost {
		form = r.PostForm
	}
	uri := form.Get("request_uri")
	if uri == "" {
		if c := cfg.clients[form.Get("client_id")]; c != nil && (cfg.RequirePAR || c.RequirePAR) {
			return nil, refuse(nil, "invalid_request", "client %q must push its authorization requests (RFC 9126)", c.ID)
		}
		return form, nil
	}
	if !strings.HasPrefix(uri, requestURIPrefix) {
		return nil, refuse(nil, "request_uri_not_supported", "only a request_uri from the pushed authorization request endpoint is accepted")
	}
	now := p.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	pr := p.pushed[keyOf(uri)]
	delete(p.pushed, keyOf(uri)) // good once
	if pr == nil || !now.Before(pr.until) || pr.client != form.Get("client_id") {
		return nil, refuse(nil, "invalid_request_uri", "request_uri is unknown, used, expired or another client's")
	}
	return pr.form, nil
}
