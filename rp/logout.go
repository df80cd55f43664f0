package rp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// serveLogout ends the session and then the one at the IdP (OpenID Connect
// RP-Initiated Logout 1.0). It takes POST from this origin only, so no other
// site can log anybody out. Our session ends first: whatever happens at the IdP
// afterwards, this app is left (RIL-03).
//
// The browser is sent on by a redirect: browsers withhold an IdP's SameSite=Lax
// cookies from a form that another site posts, so that the IdP would find nobody
// to log out. The price is an ID token in one URL, kept from Referer headers;
// Config.Logout.Post avoids it where the IdP is known to cope. A script that
// asks for JSON only gets the location instead of the redirect; where the IdP is
// posted to an empty one, and then posts a form here.
//
// The form field everywhere=1 ends all sessions of this person in this app. Other
// fields go to the IdP as far as Config.Logout.Form names them.
//
// The ID token goes along while the session lives, and once more within two minutes
// after its end. Later the IdP asks the person whether to log out.
//
// Clear-Site-Data is not sent: RequireLogin has told the browser to keep nothing.
func (p *RelyingParty) serveLogout(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	if p.site.Of(r).Refuses(r) {
		if !web.FromNowhere(r.Header) {
			return ErrCrossOrigin
		}
		if proven, err := p.proves(w, r); err != nil || !proven {
			return err
		}
	}
	landing := p.site.Endpoint("/logged-out")
	key, ok := p.sessionKey(r.Header)
	if !ok {
		return web.SendOn(w, r, landing)
	}
	everywhere, err := wantsEverywhere(w, r)
	if err != nil {
		return err
	}
	ctx, cancel := p.engine.Detached(r.Context()) // who closes the tab at once meant it all the same
	defer cancel()
	known, err := p.remembered(ctx, key)
	if err != nil {
		return err
	}
	if everywhere && known != nil && known.live {
		_, err = p.engine.EndUnder(ctx, p.party.Under(names.BySubject, known.data.Subject),
			store.Selector{BegunBy: p.engine.Now()}, reason.UserLogout, "")
	} else {
		_, err = p.engine.End(ctx, key, reason.UserLogout)
	}
	if err != nil {
		return err
	}
	p.cookies.ForgetPages(w.Header())
	endpoint := p.idp.At().EndSession
	if endpoint == "" || known == nil {
		return web.SendOn(w, r, landing)
	}
	said := p.logoutWords(r.PostForm)
	base := p.site.Of(r).Base
	ask := p.askLogout(base, endpoint, said, known.data)
	if ask.post && web.ForScript(r.Header) {
		return web.SendOn(w, r, "") // it posts a form of its own: here, once more
	}
	if ask.hinted && !p.mayHint(ctx, key, known) {
		ask = p.askLogout(base, endpoint, said, nil)
	}
	if ask.to == "" {
		p.refusals.Spend(p.log, p.engine.Now(), "a log-out stays here: the IdP takes none without id_token_hint, and "+
			"this one is used up or too long")
		return web.SendOn(w, r, landing)
	}
	w.Header().Set("Referrer-Policy", "no-referrer")
	if ask.post {
		return p.pages.Write(w, r, page.Page{Title: "leaving-title", Advice: []page.Word{"leaving"},
			Form: &page.Form{Action: ask.to, Fields: ask.fields, Button: "to-continue", Script: page.AtOnce}})
	}
	return web.SendOn(w, r, ask.to)
}

const maxLogoutForm = 8 << 10

func wantsEverywhere(w http.ResponseWriter, r *http.Request) (bool, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxLogoutForm)
	if err := r.ParseForm(); err != nil {
		return false, &RequestError{Status: http.StatusBadRequest, Code: "invalid_request",
			Err: errors.New("malformed or too large form")}
	}
	return r.PostForm.Get("everywhere") == "1", nil
}

// leaver is whose browser asks to be logged out.
type leaver struct {
	data *record.Data
	live bool
	over time.Time // when the session ended, or is found to be over
}

// remembered returns what is known of a session, live or ended; nil if nothing is.
func (p *RelyingParty) remembered(ctx context.Context, key store.Key) (*leaver, error) {
	rec, err := p.cfg.Store.Load(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil && !errors.Is(err, store.ErrEnded):
		return nil, p.engine.StoreFailed(err)
	}
	st, err := p.engine.Open(rec)
	if err != nil {
		return nil, nil
	}
	if rec.Ended() {
		return &leaver{data: st.Data, over: rec.End.At}, nil
	}
	live := p.engine.Judge(st, lifetime.Passive).End == lifetime.Live
	return &leaver{data: st.Data, live: live, over: p.engine.Now()}, nil
}

// hintFor is how long the ID token of a session that is over serves a logout.
const hintFor = 2 * time.Minute

// mayHint reports whether the IdP is told whose session to end, so that it does not
// ask the person (RP-Initiated Logout 1.0 §2). A session that is over tells it once,
// because some logouts take a second request, and not for long: the cookie outlives
// the session, and the token names the person. Without it the IdP asks.
func (p *RelyingParty) mayHint(ctx context.Context, key store.Key, l *leaver) bool {
	if l.live {
		return true
	}
	until := l.over.Add(hintFor)
	if p.engine.Now().After(until) {
		return false
	}
	err := p.cfg.Store.Once(ctx, p.party.Once("logout hint", string(key[:])), until)
	if err != nil && !errors.Is(err, store.ErrConflict) {
		p.log.Warn("a logout goes to the IdP without a hint", "session", key.Short(), "error", err)
	}
	return err == nil
}

// serveLoggedOut is where the IdP sends the browser after a logout. It tolerates any
// state, or none, because nothing depends on it, and never logs in by itself
// (RIL-06).
func (p *RelyingParty) serveLoggedOut(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	return p.pages.Write(w, r, page.Page{Title: "ended-title", Advice: []page.Word{"loggedout"},
		Link: p.site.Endpoint("/login"), LinkText: "to-login"})
}
