package rp

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/posted"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/store"
)

// postedFor is how long a form is kept beyond Config.LoginTimeout.
const postedFor = 5 * time.Minute

// keepPosted seals the form of a request that is not served; empty if it is not to be
// kept: a file is in it, it is too large, a page of another origin has sent it, or nobody
// knows whose it was.
func (p *RelyingParty) keepPosted(r *http.Request) (sealed string) {
	if !p.cfg.KeepPosted || p.site.IsEndpoint(r.URL.Path) || p.site.Of(r).Refuses(r) || !posted.Fits(r) {
		return ""
	}
	subject := p.whose(r)
	if subject == "" {
		return ""
	}
	form, ok := posted.Read(r)
	if !ok {
		return ""
	}
	return p.posted.Seal(posted.Form{ID: cookie.Random(), Subject: subject, Path: p.site.Outside(r.URL.RequestURI()),
		Form:  form,
		Until: p.engine.Now().Add(p.cfg.LoginTimeout + postedFor)})
}

// whose is the subject of the session, live or ended, that a request names.
func (p *RelyingParty) whose(r *http.Request) string {
	if s := FromContext(r.Context()); s != nil && s.rp == p {
		return s.Subject()
	}
	key, ok := p.sessionKey(r.Header)
	if !ok {
		return ""
	}
	l, err := p.remembered(r.Context(), key)
	if err != nil || l == nil {
		return ""
	}
	return l.data.Subject
}

// servePosted is where the browser comes back to: a page that fetches the form from the
// tab's storage and posts it to returnPosted.
func (p *RelyingParty) servePosted(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	if _, err := p.Authenticate(r); err != nil {
		back := p.site.LoginTo(p.site.Endpoint(posted.Path))
		switch {
		case !web.Navigation(r):
			return err
		case errors.Is(err, ErrSilentCheck):
			web.SeeOther(w, back+"&silent=1")
			return nil
		case errors.Is(err, ErrAnonymous), errors.Is(err, store.ErrEnded), errors.Is(err, ErrReauthenticate):
			web.SeeOther(w, back)
			return nil
		}
		return err
	}
	return p.pages.Write(w, r, page.Page{Title: "nothing-title", Advice: []page.Word{"nothing"}, Link: p.site.Home(),
		LinkText: "to-continue",
		Form: &page.Form{Action: p.site.Endpoint(posted.Path), Fields: url.Values{"sealed": {""}},
			Button: "to-look", Script: page.FromTab, Own: true}})
}

// returnPosted gives the form back, once, on a page with a button: nothing is sent that
// the person does not send.
func (p *RelyingParty) returnPosted(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	s, err := p.Authenticate(r) // and the origin
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4*posted.MaxForm)
	lost := func(status int) error {
		b := p.pages.Render(w.Header(), r, page.Page{Title: "lost-title", Advice: []page.Word{"lost"},
			Link: p.site.Home(), LinkText: "to-continue"})
		w.WriteHeader(status)
		_, err := w.Write(b)
		return err
	}
	if r.ParseForm() != nil {
		return lost(http.StatusBadRequest)
	}
	f, ok := p.posted.Open(r.PostForm.Get("sealed"))
	if !ok || f.Subject != s.Subject() || p.engine.Now().After(f.Until) {
		return lost(http.StatusForbidden)
	}
	switch err := p.cfg.Store.Once(r.Context(), p.party.Once("posted", f.ID), f.Until); {
	case errors.Is(err, store.ErrConflict):
		return lost(http.StatusForbidden)
	case err != nil:
		return p.engine.StoreFailed(err)
	}
	fields, err := url.ParseQuery(string(f.Form))
	if err != nil {
		return lost(http.StatusForbidden)
	}
	return p.pages.Write(w, r, page.Page{Title: "send-title", Advice: []page.Word{"send"}, Link: p.site.Home(),
		LinkText: "to-leave",
		Form:     &page.Form{Action: f.Path, Fields: fields, Button: "to-send", Own: true}})
}
