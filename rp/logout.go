package rp

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/endsession"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// logouts are the log-outs of browsers.
type logouts struct {
	engine   *engine.Engine
	idp      *idp.Provider
	browsers *browsers
	site     *site.App
	atIdP    *endsession.Logout
	pages    *page.Set
	journal  *journal
}

// serve ends the session and then the one at the IdP (OpenID Connect
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
func (l *logouts) serve(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	if l.site.Of(r).Refuses(r) {
		if !web.FromNowhere(r.Header) {
			return ErrCrossOrigin
		}
		if proven, err := l.proves(w, r); err != nil || !proven {
			return err
		}
	}
	landing := l.site.Endpoint("/logged-out")
	key, ok := l.browsers.key(r.Header)
	if !ok {
		return web.SendOn(w, r, landing)
	}
	everywhere, err := wantsEverywhere(w, r)
	if err != nil {
		return err
	}
	ctx, cancel := l.engine.Detached(r.Context()) // who closes the tab at once meant it all the same
	defer cancel()
	known, err := l.browsers.remembered(ctx, key)
	if err != nil {
		return err
	}
	if everywhere && known != nil && known.live {
		_, err = l.engine.EndUnder(ctx, l.browsers.party.Under(names.BySubject, known.data.Subject),
			store.Selector{BegunBy: l.engine.Now()}, reason.UserLogout, "")
	} else {
		_, err = l.engine.End(ctx, key, reason.UserLogout)
	}
	if err != nil {
		return err
	}
	l.browsers.cookies.ForgetPages(w.Header())
	endpoint := l.idp.At().EndSession
	if endpoint == "" || known == nil {
		return web.SendOn(w, r, landing)
	}
	words, back := l.atIdP.Words(r.PostForm), l.site.LoggedOut(r)
	ask := l.atIdP.Request(endpoint, back, words, personOf(known.data))
	if ask.Post && web.ForScript(r.Header) {
		return web.SendOn(w, r, "") // it posts a form of its own: here, once more
	}
	if ask.Hinted && !l.mayHint(ctx, key, known) {
		ask = l.atIdP.Request(endpoint, back, words, nil)
	}
	if ask.To == "" {
		l.journal.spend("a log-out ends only this app's session: the IdP demands an id_token_hint, and this " +
			"session's ID token was used already or is too long")
		return web.SendOn(w, r, landing)
	}
	w.Header().Set("Referrer-Policy", "no-referrer")
	if ask.Post {
		return l.pages.Write(w, r, page.Page{Title: "leaving-title", Advice: []page.Word{"leaving"},
			Form: &page.Form{Action: ask.To, Fields: ask.Fields, Button: "to-continue", Script: page.AtOnce}})
	}
	return web.SendOn(w, r, ask.To)
}

// personOf is whose session is to end at the IdP.
func personOf(d *record.Data) *endsession.Person {
	return &endsession.Person{IDToken: d.IDToken, Claim: func(name string) string { return claimOf(d, name) }}
}

const maxLogoutForm = 8 << 10

func wantsEverywhere(w http.ResponseWriter, r *http.Request) (bool, error) {
	r.Body = http.MaxBytesReader(w, r.Body, maxLogoutForm)
	if err := r.ParseForm(); err != nil {
		return false, &requestError{Status: http.StatusBadRequest, Code: "invalid_request",
			Err: errors.New("malformed or too large form")}
	}
	return r.PostForm.Get("everywhere") == "1", nil
}

// hintFor is how long the ID token of a session that is over serves a log-out.
const hintFor = 2 * time.Minute

// mayHint reports whether the IdP is told whose session to end, so that it does not
// ask the person (RP-Initiated Logout 1.0 §2). A session that is over tells it once,
// because some logouts take a second request, and not for long: the cookie outlives
// the session, and the token names the person. Without it the IdP asks.
func (l *logouts) mayHint(ctx context.Context, key store.Key, k *known) bool {
	if k.live {
		return true
	}
	until := k.over.Add(hintFor)
	if l.engine.Now().After(until) {
		return false
	}
	err := l.browsers.store.Once(ctx, l.browsers.party.Once("logout hint", string(key[:])), until)
	if err != nil && !errors.Is(err, store.ErrConflict) {
		l.journal.log.Warn("a log-out goes to the IdP without an id_token_hint", "session", key.Short(), "error", err)
	}
	return err == nil
}

// left is where the IdP sends the browser after a log-out. It tolerates any
// state, or none, because nothing depends on it, and never logs in by itself
// (RIL-06).
func (l *logouts) left(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	return l.pages.Write(w, r, page.Page{Title: "ended-title", Advice: []page.Word{"loggedout"},
		Link: l.site.Endpoint("/login"), LinkText: "to-login"})
}
