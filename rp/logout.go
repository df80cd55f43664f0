package rp

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/record"
)

// Logout ends the session and then the one at the IdP (OpenID Connect
// RP-Initiated Logout 1.0). It takes POST from this origin only, so no other
// site can log anybody out. Our session ends first: whatever happens at the IdP
// afterwards, this app is left (RIL-03).
//
// The browser is sent on by a redirect: browsers withhold an IdP's SameSite=Lax
// cookies from a form that another site posts, so that the IdP would find nobody
// to log out. The price is an ID token in one URL, kept from Referer headers;
// Config.LogoutByPost avoids it where the IdP is known to cope. A script that
// asks for JSON only gets the location instead of the redirect.
func (p *RelyingParty) Logout(w http.ResponseWriter, r *http.Request) error {
	noStore(w.Header())
	if p.origins.refuses(r) {
		return ErrCrossOrigin
	}
	landing := p.cfg.Prefix + "/logged-out"
	key, ok := p.sessionKey(r.Header)
	if !ok {
		return sendOn(w, r, landing)
	}
	everywhere, err := wantsEverywhere(w, r)
	if err != nil {
		return err
	}
	ctx, cancel := p.detached(r.Context()) // who closes the tab at once meant it all the same
	defer cancel()
	d, live, err := p.remembered(ctx, key)
	if err != nil {
		return err
	}
	if everywhere && live {
		_, err = p.endUnder(ctx, p.party.under(bySubject, d.Subject), Selector{BegunBy: p.now()}, UserLogout, "")
	} else {
		_, err = p.end(ctx, key, UserLogout)
	}
	if err != nil {
		return err
	}
	p.forgetPages(w.Header())
	if p.idp.EndSessionURL == "" || d == nil {
		return sendOn(w, r, landing)
	}
	fields := url.Values{
		"client_id":                {p.cfg.ClientID},
		"id_token_hint":            {d.IDToken},
		"post_logout_redirect_uri": {p.cfg.BaseURL + landing},
		"state":                    {random()},
	}
	w.Header().Set("Referrer-Policy", "no-referrer")
	if p.cfg.LogoutByPost {
		// A script gets no location and has to post a form of its own: it comes here
		// again, and the ended session still knows its ID token.
		if forScript(r.Header) {
			return sendOn(w, r, "")
		}
		return writeForm(w, p.idp.EndSessionURL, fields)
	}
	target, err := url.Parse(p.idp.EndSessionURL)
	if err != nil {
		return err
	}
	q := target.Query()
	for name := range fields {
		q.Set(name, fields.Get(name))
	}
	target.RawQuery = q.Encode()
	return sendOn(w, r, target.String())
}

// sendOn redirects, or tells a script where to go: fetch cannot follow a redirect
// to another site, and a page's form-action policy may not let a form follow it.
func sendOn(w http.ResponseWriter, r *http.Request, to string) error {
	if forScript(r.Header) {
		return writeJSON(w, struct {
			Location string `json:"location"`
		}{to})
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func forScript(h http.Header) bool {
	return first(h, "Accept") == "application/json" && first(h, "Sec-Fetch-Mode") != "navigate"
}

const maxLogoutForm = 8 << 10

func wantsEverywhere(w http.ResponseWriter, r *http.Request) (bool, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxLogoutForm)
	if err := r.ParseForm(); err != nil {
		return false, &RequestError{Status: http.StatusBadRequest, Code: "invalid_request", Err: errors.New("malformed or too large form")}
	}
	return r.PostForm.Get("everywhere") == "1", nil
}

// remembered returns what is known of a session, live or ended: an ended one
// still has its ID token, so that the person can leave the IdP too.
func (p *RelyingParty) remembered(ctx context.Context, key Key) (d *record.Data, live bool, err error) {
	rec, err := p.cfg.Store.Load(ctx, key)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, false, nil
	case err != nil && !errors.Is(err, ErrEnded):
		return nil, false, unavailable(0, "the session store failed: %w", err)
	}
	st, err := p.open(rec)
	if err != nil {
		return nil, false, nil
	}
	if rec.Ended() {
		return st.data, false, nil
	}
	st.rec.Active = p.agenda.latest(key, rec.Active)
	return st.data, lifetime.Decide(st.clocks(), p.policy(st), p.now(), lifetime.Passive).End == lifetime.Live, nil
}

// LoggedOut is where the IdP sends the browser after a logout. It tolerates any
// state, or none, because nothing depends on it, and never logs in by itself
// (RIL-06).
func (p *RelyingParty) LoggedOut(w http.ResponseWriter, _ *http.Request) error {
	noStore(w.Header())
	return writePage(w, http.StatusOK, page{
		Title: "You are logged out.", Advice: "You can close this page or log in again.",
		Link: p.cfg.Prefix + "/login", LinkText: "Log in",
	})
}
