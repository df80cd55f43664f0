package idpmock

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/internal/look"
)

const logoutLifetime = 10 * time.Minute

// logoutRequest is an RP-initiated logout that waits for the person's word.
type logoutRequest struct {
	sid     string
	to      string // post_logout_redirect_uri with state, "" for none
	browser tokenKey
	until   time.Time
}

// endSession is OpenID Connect RP-Initiated Logout 1.0 §2, by GET or POST. On a
// bad request nothing ends and nothing is redirected (§4).
func (p *IDP) endSession(w http.ResponseWriter, r *http.Request) {
	cfg, now := p.settings(), p.Now()
	if oerr := cfg.Temperament.tooLong(r); oerr != nil {
		exchangeOf(r).code = oerr.Code
		render(w, http.StatusBadRequest, errorTemplate, messagePage{Title: "This sign-out request cannot be served",
			Text: oerr.Desc, Code: oerr.Code})
		return
	}
	form := r.Form
	if r.Method == http.MethodPost {
		form = r.PostForm
	}
	to, hint, oerr := p.parseLogout(cfg, form)
	if oerr != nil {
		exchangeOf(r).code = oerr.Code
		render(w, http.StatusBadRequest, errorTemplate, messagePage{Title: "This sign-out request cannot be served",
			Text: oerr.Desc, Code: oerr.Code})
		return
	}
	if client, ok := hint["aud"].(string); ok {
		exchangeOf(r).client = client
	}
	hintSID, _ := hint["sid"].(string)

	p.mu.Lock()
	current := p.liveLocked(cfg, now, p.cookies[keyOf(p.cookieValue(r, cookieSession))])
	hinted := p.liveLocked(cfg, now, p.findLocked(hintSID))
	s := current
	if s == nil {
		s = hinted
	}
	if s == nil { // already logged out is no error, RIL-05
		p.mu.Unlock()
		p.signedOut(w, r, to, nil)
		return
	}
	if hintSID == "" && cfg.Temperament.IDTokenSIDOnlyIfRequired && current != nil &&
		hint["sub"] == current.user.Subject {
		hinted = current // an ID token without sid names the person alone
	}
	if current != nil && current == hinted && !cfg.Temperament.LogoutAsks {
		p.mu.Unlock()
		p.logout(w, r, current.sid, to)
		return
	}
	// RIL-04: no hint, or not of this browser's session: ask.
	tx, browser := newSecret(), or(p.cookieValue(r, cookieBrowser), newSecret())
	p.logouts[keyOf(tx)] = &logoutRequest{sid: s.sid, to: to, browser: keyOf(browser), until: now.Add(logoutLifetime)}
	page := confirmPage{Title: "Sign out?", Action: p.path + PathEndSession + "/confirm", Tx: tx}
	if current != nil {
		page.Username = current.user.Username
	}
	p.mu.Unlock()
	p.setCookie(w, cookieBrowser, browser)
	render(w, http.StatusOK, confirmTemplate, page)
}

// parseLogout returns where to go afterwards and the claims of the hint.
func (p *IDP) parseLogout(cfg *settings, form url.Values) (to string, hint map[string]any, oerr *oauthError) {
	if name := repeated(form); name != "" {
		return "", nil, errInvalidRequest(name + " is there more than once")
	}
	name := or(cfg.Temperament.LogoutRedirect, "post_logout_redirect_uri")
	uri, clientID, raw := form.Get(name), form.Get("client_id"), form.Get("id_token_hint")
	if uri == "" && cfg.Temperament.LogoutRedirect != "" {
		return "", nil, errInvalidRequest(name + " is missing")
	}
	if uri, oerr = cfg.Temperament.logoutHint(raw, uri, form.Get("state")); oerr != nil {
		return "", nil, oerr
	}
	if raw != "" {
		claims, err := p.keys.verify(cfg.SigningAlg, raw)
		if err != nil || claims["iss"] != cfg.Issuer {
			return "", nil, errInvalidRequest("id_token_hint is no ID token of this provider")
		}
		aud, _ := claims["aud"].(string)
		if list, ok := claims["aud"].([]any); ok && len(list) > 0 {
			aud, _ = list[0].(string)
		}
		if clientID != "" && clientID != aud { // RIL-01
			return "", nil, errInvalidRequest("client_id differs from the audience of id_token_hint")
		}
		hint, clientID = claims, aud
	}
	if uri == "" {
		return "", hint, nil
	}
	c := cfg.clients[clientID]
	if c == nil {
		return "", nil, errInvalidRequest("post_logout_redirect_uri needs id_token_hint or client_id of a known client")
	}
	if !slices.Contains(c.PostLogoutRedirectURIs, uri) { // exact, RIL-02
		return "", nil, errInvalidRequest("post_logout_redirect_uri is not registered for this client")
	}
	params := url.Values{}
	if state := form.Get("state"); state != "" {
		params.Set("state", state)
	}
	if p.spoilRedirect(c.ID, params); len(params) > 0 {
		uri = addQuery(uri, params)
	}
	return uri, hint, nil
}

// logoutHint checks that id_token_hint is there, and not too long, where the
// provider asks for that. It returns the redirect URI that counts.
func (t *Temperament) logoutHint(hint, uri, state string) (string, *oauthError) {
	switch {
	case t.MaxHint > 0 && len(hint) > t.MaxHint:
		return "", errInvalidRequest("id_token_hint is longer than " + strconv.Itoa(t.MaxHint) + " characters")
	case t.LogoutHint == HintRefused && hint != "":
		return "", errInvalidRequest("id_token_hint is not taken here")
	case hint != "":
	case t.LogoutHint == HintAlways, t.LogoutHint == HintForRedirect && (uri != "" || state != ""):
		return "", errInvalidRequest("id_token_hint is missing")
	case t.LogoutHint == HintOrIgnored:
		return "", nil
	}
	return uri, nil
}

// tooLong refuses a query that is longer than the provider reads.
func (t *Temperament) tooLong(r *http.Request) *oauthError {
	if t.MaxQuery > 0 && len(r.URL.RawQuery) > t.MaxQuery {
		return errInvalidRequest("the query string is longer than " + strconv.Itoa(t.MaxQuery) + " bytes")
	}
	return nil
}

func (p *IDP) confirmLogout(w http.ResponseWriter, r *http.Request) {
	key := keyOf(r.PostForm.Get("tx"))
	browser := keyOf(p.cookieValue(r, cookieBrowser))
	now := p.Now()
	p.mu.Lock()
	l := p.logouts[key]
	if l != nil && l.browser == browser {
		delete(p.logouts, key)
	}
	p.mu.Unlock()
	switch {
	case l == nil || l.browser != browser || !now.Before(l.until):
		render(w, http.StatusBadRequest, errorTemplate, messagePage{Title: "This page is no longer good",
			Text: "Sign out from the application again.", Code: "invalid_request"})
	case r.PostForm.Get("action") == "stay":
		if l.to != "" {
			seeOther(w, l.to)
			return
		}
		render(w, http.StatusOK, messageTemplate,
			messagePage{Title: "Still signed in", Text: "You have not been signed out."})
	default:
		p.logout(w, r, l.sid, l.to)
	}
}

// logout ends the session, waits a little for the logout tokens to arrive and
// takes the person on.
func (p *IDP) logout(w http.ResponseWriter, r *http.Request, sid, to string) {
	cfg, now := p.settings(), p.Now()
	var frames []string
	var batch []*Delivery
	p.mu.Lock()
	if s := p.liveLocked(cfg, now, p.sessions[sid]); s != nil {
		frames = p.frontchannelURIs(cfg, s)
		before := len(p.outbox)
		p.endLocked(cfg, s, CauseLogout)
		batch = slices.Clone(p.outbox[before:])
	}
	p.mu.Unlock()
	p.awaitFirst(r.Context(), cfg.LogoutWait, batch)
	p.signedOut(w, r, to, frames)
}

func (p *IDP) signedOut(w http.ResponseWriter, r *http.Request, to string, frames []string) {
	p.setCookie(w, cookieSession, "")
	p.setStateCookie(w, "")
	switch {
	case len(frames) > 0:
		p.frontchannelPage(w, to, frames)
	case to != "":
		seeOther(w, to)
	default:
		render(w, http.StatusOK, messageTemplate, messagePage{Title: "Signed out", Text: "You are signed out."})
	}
}

func seeOther(w http.ResponseWriter, to string) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// frontchannelURIs of the session's clients (OpenID Connect Front-Channel
// Logout 1.0 §2). iss and sid come together or not at all, if the temperament
// keeps to that.
func (p *IDP) frontchannelURIs(cfg *settings, s *session) []string {
	var uris []string
	if !cfg.Temperament.Has(hasFrontchannel) {
		return nil
	}
	for _, v := range s.visits {
		c := cfg.clients[v.client]
		if c == nil || c.FrontchannelLogoutURI == "" {
			continue
		}
		uri := c.FrontchannelLogoutURI
		if c.FrontchannelSessionRequired {
			params := url.Values{"iss": {cfg.Issuer}, "sid": {v.sid}}
			if cfg.Temperament.FrontchannelWithoutIss {
				params.Del("iss")
			}
			uri = addQuery(uri, params)
		}
		uris = append(uris, uri)
	}
	return uris
}

func (p *IDP) frontchannelPage(w http.ResponseWriter, to string, frames []string) {
	var origins []string
	for _, f := range frames {
		if u, err := url.Parse(f); err == nil {
			origins = append(origins, u.Scheme+"://"+u.Host)
		}
	}
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; img-src data:; style-src "+look.Hash(look.Style)+"; script-src "+look.Hash(
			frontchannelScript)+"; frame-src "+strings.Join(origins, " ")+"; frame-ancestors 'none'; base-uri 'none'")
	render(w, http.StatusOK, frontchannelTemplate, frontchannelData{Title: "Signing out", To: to, Frames: frames})
}

type frontchannelData struct {
	Title, To string
	Frames    []string
}

// frontchannelScript goes on when all frames have loaded, at the latest after
// three seconds: front-channel logout is best effort.
const frontchannelScript = `
const link = document.getElementById("continue"), frames = [...document.querySelectorAll("iframe")];
let left = frames.length;
const go = () => { if (link) location.replace(link.href) };
frames.forEach(f => f.addEventListener("load", () => { if (--left === 0) go() }));
setTimeout(go, 3000);
`

var frontchannelTemplate = page(`
<h1>Signed out</h1>
<p role="status">You are being signed out of your applications.</p>
{{with .To}}<p><a id="continue" href="{{.}}">Continue</a></p>{{end}}
{{range .Frames}}<iframe src="{{.}}" title="signing out"></iframe>
{{end}}<script>` + frontchannelScript + `</script>`)
