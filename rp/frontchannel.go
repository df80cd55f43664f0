package rp

import (
	"errors"
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/names"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// logoutFrames are the log-outs by an iframe of the IdP's.
type logoutFrames struct {
	cfg    *Config
	engine *engine.Engine
	idp    *idp.Provider
	party  *names.Party
}

// serve is loaded by the IdP in an iframe (OpenID Connect
// Front-Channel Logout 1.0 §2). Browsers keep our cookie from it, so it works
// from iss and sid alone; a sid without iss is accepted, as Entra ID sends it,
// because the issuer of this client is fixed (FCL-03). It does nothing without a
// sid, and answers 200 unless the store fails: there is nobody to tell an error.
//
// Where the IdP does not use it (see Config.FrontchannelLogout) it answers 404.
// Anybody who knows a sid can send this request; it ends sessions, but no log-in
// that starts after it is refused.
func (f *logoutFrames) serve(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	if !f.idp.At().FrontchannelLogout && !f.cfg.FrontchannelLogout {
		return &requestError{Status: http.StatusNotFound, Code: "not_found",
			Err: errors.New("the log-in service does not use front-channel logout")}
	}
	w.Header().Set("Content-Security-Policy", "default-src 'none'; frame-ancestors "+f.framers())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	q := r.URL.Query()
	sid, iss := q.Get("sid"), q.Get("iss")
	if sid != "" && len(sid) <= 1024 && (iss == "" || iss == f.cfg.Issuer) {
		ctx, cancel := f.engine.Detached(r.Context())
		defer cancel()
		// Anybody can send this, so an unknown sid must leave nothing in the store.
		refs := f.party.Under(names.BySID, sid)
		known, err := f.engine.List(ctx, refs)
		if err != nil {
			return err
		}
		if len(known) > 0 {
			if _, err := f.engine.EndUnder(ctx, refs,
				store.Selector{BegunBy: f.engine.Now()}, reason.FrontchannelLogout, ""); err != nil {
				return err
			}
		}
	}
	if sid == "" && (iss == "" || iss == f.cfg.Issuer) {
		f.engine.Report([]store.Finding{{Code: "frontchannel_without_sid", Serious: true,
			Text: "The front-channel logout address was " +
				"loaded without sid, so nothing could be ended: if it was the IdP, a log-out there does not end " +
				"sessions here. " +
				"Register this client there with frontchannel_logout_session_required (\"session required\"), or " +
				"use back-channel " +
				"logout."}})
	}
	_, err := w.Write([]byte(frontchannelPage))
	return err
}

// frontchannelPage is shown in a hidden frame. A person sees it only after typing its address.
const frontchannelPage = `<!DOCTYPE html><html lang="en"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>Logged out</title><main><h1>Logged out</h1></main>`

// framers are the origins that may frame the page: the issuer's, and that of the
// IdP's logout page, which some serve from another host (FCL-04).
func (f *logoutFrames) framers() string {
	all := weburl.Origin(f.cfg.Issuer)
	if f.idp.At().EndSession != "" {
		if o := weburl.Origin(f.idp.At().EndSession); o != all {
			all += " " + o
		}
	}
	return all
}
