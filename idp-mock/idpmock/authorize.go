package idpmock

import (
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/internal/look"
)

// interactionLifetime is how long a sign-in page stays good.
const interactionLifetime = time.Hour

// interaction is an authorization request that waits for a person.
type interaction struct {
	request *authRequest
	browser tokenKey // the browser that got the page; no other may post it
	until   time.Time
}

func (p *IDP) authorize(w http.ResponseWriter, r *http.Request) {
	cfg, now := p.settings(), p.Now()
	if oerr := cfg.Temperament.tooLong(r); oerr != nil {
		p.refuseAuth(w, r, &authError{oauthError: *oerr})
		return
	}
	form, err := p.requested(cfg, r)
	if err != nil {
		p.refuseAuth(w, r, err)
		return
	}
	a, err := p.parseAuthRequest(cfg, form)
	if err != nil {
		p.refuseAuth(w, r, err)
		return
	}
	p.authorizeRequest(w, r, cfg, now, a)
}

func (p *IDP) authorizeRequest(w http.ResponseWriter, r *http.Request, cfg *settings, now time.Time, a *authRequest) {
	cookie := keyOf(p.cookieValue(r, cookieSession))
	p.mu.Lock()
	s := p.liveLocked(cfg, now, p.cookies[cookie])
	why, needed := a.needsLogin(s, now)
	if code := cfg.Temperament.SilentWithoutHint; code != "" && !needed && a.prompts("none") && !a.hints(s.user) {
		p.emit(Event{Kind: EventRefused, Client: a.client.ID, SID: s.sid, Endpoint: EndpointAuthorize, Outcome: code})
		p.mu.Unlock()
		p.refuseAuth(w, r, refuse(a, code, "prompt=none needs a login_hint that names the person"))
		return
	}
	if !needed {
		params := p.grantCodeLocked(cfg, now, s, a)
		p.mu.Unlock()
		p.sendBack(w, r, a, params)
		return
	}
	if a.prompts("none") {
		p.emit(Event{Kind: EventRefused, Client: a.client.ID, Endpoint: EndpointAuthorize, Outcome: "login_required"})
		p.mu.Unlock()
		p.refuseAuth(w, r, refuse(a, "login_required", "%s", why))
		return
	}
	browser := or(p.cookieValue(r, cookieBrowser), newSecret())
	tx := newSecret()
	p.requests[keyOf(tx)] = &interaction{request: a, browser: keyOf(browser), until: now.Add(interactionLifetime)}
	page := p.loginPage(cfg, tx, a)
	if a.mayContinue(s, now) {
		page.Current = s.user.Username
	}
	p.mu.Unlock()
	p.setCookie(w, cookieBrowser, browser)
	render(w, http.StatusOK, loginTemplate, page)
}

// grantCodeLocked lets the client into the session, which extends it, and
// issues a code. The caller holds mu.
func (p *IDP) grantCodeLocked(cfg *settings, now time.Time, s *session, a *authRequest) url.Values {
	kind := EventSignal
	if s.visit(a.client.ID) == nil {
		kind = EventJoin
	}
	outcome := "extended"
	if cfg.Temperament.Extends(EndpointAuthorize) {
		p.touchLocked(cfg, s, now, a.client.ID, EndpointAuthorize)
	} else {
		s.join(cfg, now, a.client.ID, EndpointAuthorize)
		p.markLocked(s)
		outcome = "not extended"
	}
	p.emit(Event{Kind: kind, Client: a.client.ID, SID: s.sid, Subject: s.user.Subject, Endpoint: EndpointAuthorize,
		Outcome: outcome, Deadline: s.deadline()})
	v := s.visit(a.client.ID)
	g := &grant{client: a.client.ID, user: s.user, session: s.sid, sid: v.sid, scope: a.scope, nonce: a.nonce,
		acr: s.acr, authTime: s.authTime, created: now, until: now.Add(a.client.RefreshTokenLifetime),
		offline: slices.Contains(a.scope, "offline_access") || a.accessOffline, resources: a.resources}
	p.openLocked(cfg, now, s, v, g)
	secret := newSecret()
	p.codes[keyOf(secret)] = &code{grant: g, redirectURI: a.redirectURI, challenge: a.challenge, dpop: a.dpopJKT,
		until: now.Add(cfg.CodeLifetime)}
	params := url.Values{"code": {secret}}
	if state := p.sessionState(a, s); state != "" {
		params.Set("session_state", state)
	}
	return params
}

// refuseAuth sends an error to the client where that is allowed, else shows it.
func (p *IDP) refuseAuth(w http.ResponseWriter, r *http.Request, e *authError) {
	exchangeOf(r).code = e.Code
	if e.to == nil {
		render(w, http.StatusBadRequest, errorTemplate, messagePage{Title: "This request cannot be served",
			Text: e.Desc, Code: e.Code})
		return
	}
	p.sendBack(w, r, e.to, url.Values{"error": {e.Code}, "error_description": {e.Desc}})
}

// sendBack takes the browser to the client's redirect_uri, state and, if the
// provider has it, iss included (RFC 9207 §2: on errors too).
func (p *IDP) sendBack(w http.ResponseWriter, r *http.Request, a *authRequest, params url.Values) {
	if p.settings().Temperament.Has(hasIss) {
		params.Set("iss", p.Issuer())
	}
	if a.state != "" {
		params.Set("state", a.state)
	}
	p.spoilRedirect(a.client.ID, params)
	if isJARM(a.responseMode) {
		signed, err := p.signedResponse(p.settings(), a.client, params)
		if err != nil {
			writeError(w, r, err)
			return
		}
		params = signed
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if strings.HasPrefix(a.responseMode, "form_post") {
		render(w, http.StatusOK, formPostTemplate, formPostPage{Title: "Signing in", Action: a.redirectURI,
			Fields: params})
		return
	}
	to := addQuery(a.redirectURI, params)
	if r.Method == http.MethodPost {
		w.Header().Set("Location", to)
		w.WriteHeader(http.StatusSeeOther)
		return
	}
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusFound)
}

// addQuery keeps the query that a registered URI has.
func addQuery(uri string, params url.Values) string {
	u, err := url.Parse(uri)
	if err != nil { // registered URIs were checked
		return uri
	}
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += params.Encode()
	return u.String()
}

// login takes the posted sign-in page.
func (p *IDP) login(w http.ResponseWriter, r *http.Request) {
	cfg, now := p.settings(), p.Now()
	tx := r.PostForm.Get("tx")
	browser := keyOf(p.cookieValue(r, cookieBrowser))
	p.mu.Lock()
	i := p.requests[keyOf(tx)]
	p.mu.Unlock()
	if i == nil || !now.Before(i.until) || i.browser != browser {
		exchangeOf(r).code = "invalid_request"
		render(w, http.StatusBadRequest, errorTemplate, messagePage{Title: "This sign-in page is no longer good",
			Text: "Go back to the application and sign in again.", Code: "invalid_request"})
		return
	}
	a := i.request
	exchangeOf(r).client = a.client.ID
	action := r.PostForm.Get("action")
	if action == "cancel" {
		p.mu.Lock()
		delete(p.requests, keyOf(tx))
		p.mu.Unlock()
		p.refuseAuth(w, r, refuse(a, "access_denied", "the person cancelled"))
		return
	}
	cookie := keyOf(p.cookieValue(r, cookieSession))
	name := r.PostForm.Get("username")
	user, known := cfg.user(name)
	if action != "continue" && (!known || user.Password != "" &&
		!sameSecret(user.Password, r.PostForm.Get("password"))) {
		exchangeOf(r).code = "access_denied"
		page := p.loginPage(cfg, tx, a)
		page.Username, page.Error = name, "This user name and password do not fit. Try again."
		render(w, http.StatusForbidden, loginTemplate, page)
		return
	}
	p.mu.Lock()
	if p.requests[keyOf(tx)] != i { // posted twice
		p.mu.Unlock()
		render(w, http.StatusBadRequest, errorTemplate, messagePage{Title: "This sign-in page was used already",
			Text: "Go back to the application.", Code: "invalid_request"})
		return
	}
	s := p.liveLocked(cfg, now, p.cookies[cookie])
	value := ""
	if action == "continue" {
		if !a.mayContinue(s, now) {
			p.mu.Unlock()
			page := p.loginPage(cfg, tx, a)
			page.Error = "Your session cannot be used for this. Sign in again."
			render(w, http.StatusForbidden, loginTemplate, page)
			return
		}
	} else {
		s, value = p.signInLocked(cfg, now, s, user, or(a.acr, cfg.ACRValues[0]))
	}
	delete(p.requests, keyOf(tx))
	params := p.grantCodeLocked(cfg, now, s, a)
	opbs := s.opbs
	p.mu.Unlock()
	if value != "" {
		p.setCookie(w, cookieSession, value)
		p.setStateCookie(w, opbs)
	}
	p.sendBack(w, r, a, params)
}

// signInLocked begins a session for user, or renews old if it is the same
// person's: a new cookie, a new authentication time, the same sid. Somebody
// else's session in the same browser ends.
func (p *IDP) signInLocked(cfg *settings, now time.Time, old *session, user User, acr string) (*session, string) {
	if old != nil && old.user.Subject != user.Subject {
		p.endLocked(cfg, old, CauseReplaced)
		old = nil
	}
	s := old
	if s == nil {
		s = &session{sid: newSecret(), created: now, opbs: newSecret()}
		p.sessions[s.sid] = s
	} else {
		delete(p.cookies, s.cookie)
	}
	value := newSecret()
	s.cookie, s.user, s.acr = keyOf(value), user, acr
	s.authTime, s.absolute = now, now.Add(cfg.AbsoluteLifetime)
	p.cookies[s.cookie] = s
	p.touchLocked(cfg, s, now, "", EndpointLogin)
	p.emit(Event{Kind: EventSignIn, SID: s.sid, Subject: user.Subject, Endpoint: EndpointLogin, Deadline: s.deadline()})
	return s, value
}

func render(w http.ResponseWriter, status int, t *template.Template, page any) {
	look.Render(w, status, or(w.Header().Get("Content-Security-Policy"), contentPolicy), t, page)
}
