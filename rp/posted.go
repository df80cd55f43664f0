package rp

import (
	"errors"
	"net/http"
	"net/url"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/posted"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/store"
)

// postedFor is how long a form is kept beyond Config.LoginTimeout.
const postedFor = 5 * time.Minute

// forms are those that were posted when their session was over already.
type forms struct {
	on      bool          // Config.KeepPosted
	keepFor time.Duration // from the post to its return
	gate    *gate
	sealer  posted.Sealer
	pages   *page.Set
}

// keep seals the form of a request that is not served; empty if it is not to be
// kept: a file is in it, it is too large, a page of another origin has sent it, or nobody
// knows whose it was.
func (f *forms) keep(r *http.Request) (sealed string) {
	if !f.on || f.gate.site.IsEndpoint(r.URL.Path) || f.gate.site.Of(r).Refuses(r) || !posted.Fits(r) {
		return ""
	}
	subject := f.whose(r)
	if subject == "" {
		return ""
	}
	form, ok := posted.Read(r)
	if !ok {
		return ""
	}
	return f.sealer.Seal(posted.Form{ID: cookie.Random(), Subject: subject, Form: form,
		Path:  f.gate.site.Outside(r.URL.RequestURI()),
		Until: f.gate.engine.Now().Add(f.keepFor)})
}

// whose is the subject of the session, live or ended, that a request names.
func (f *forms) whose(r *http.Request) string {
	if s := FromContext(r.Context()); s != nil && s.rp.engine == f.gate.engine {
		return s.Subject()
	}
	key, ok := f.gate.browsers.key(r.Header)
	if !ok {
		return ""
	}
	l, err := f.gate.browsers.remembered(r.Context(), key)
	if err != nil || l == nil {
		return ""
	}
	return l.data.Subject
}

// arrive is where the browser comes back to: a page that fetches the form from the
// tab's storage and posts it to giveBack.
func (f *forms) arrive(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	if _, _, err := f.gate.enter(r); err != nil {
		back := f.gate.site.LoginTo(f.gate.site.Endpoint(posted.Path))
		switch {
		case !web.Navigation(r):
			return err
		case errors.Is(err, engine.ErrSilentCheck):
			web.SeeOther(w, back+"&silent=1")
			return nil
		case errors.Is(err, ErrAnonymous), errors.Is(err, store.ErrEnded), errors.Is(err, ErrReauthenticate):
			web.SeeOther(w, back)
			return nil
		}
		return err
	}
	return f.pages.Write(w, r, page.Page{Title: "nothing-title", Advice: []page.Word{"nothing"},
		Link: f.gate.site.Home(), LinkText: "to-continue",
		Form: &page.Form{Action: f.gate.site.Endpoint(posted.Path), Fields: url.Values{"sealed": {""}},
			Button: "to-look", Script: page.FromTab, Own: true}})
}

// giveBack gives the form back, once, on a page with a button: nothing is sent that
// the person does not send.
func (f *forms) giveBack(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	_, st, err := f.gate.enter(r) // and the origin
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4*posted.MaxForm)
	lost := func(status int) error {
		b := f.pages.Render(w.Header(), r, page.Page{Title: "lost-title", Advice: []page.Word{"lost"},
			Link: f.gate.site.Home(), LinkText: "to-continue"})
		w.WriteHeader(status)
		_, err := w.Write(b)
		return err
	}
	if r.ParseForm() != nil {
		return lost(http.StatusBadRequest)
	}
	kept, ok := f.sealer.Open(r.PostForm.Get("sealed"))
	if !ok || kept.Subject != st.Data.Subject || f.gate.engine.Now().After(kept.Until) {
		return lost(http.StatusForbidden)
	}
	switch err := f.gate.browsers.store.Once(r.Context(), f.gate.browsers.party.Once("posted", kept.ID), kept.Until); {
	case errors.Is(err, store.ErrConflict):
		return lost(http.StatusForbidden)
	case err != nil:
		return f.gate.engine.StoreFailed(err)
	}
	fields, err := url.ParseQuery(string(kept.Form))
	if err != nil {
		return lost(http.StatusForbidden)
	}
	return f.pages.Write(w, r, page.Page{Title: "send-title", Advice: []page.Word{"send"}, Link: f.gate.site.Home(),
		LinkText: "to-leave",
		Form:     &page.Form{Action: kept.Path, Fields: fields, Button: "to-send", Own: true}})
}
