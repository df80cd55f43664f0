package rp

import (
	"errors"
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/asset"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// maxChanged bounds the form that a frame sends, in bytes.
const maxChanged = 4 << 10

// watches are pages that watch the IdP's session by its check_session_iframe.
type watches struct {
	client   string
	engine   *engine.Engine
	idp      *idp.Provider
	browsers *browsers
	site     *site.App
}

// serve is the page for a hidden frame in an app's own pages: it asks the IdP's frame
// every 2 s whether the session of this browser has changed there (OpenID Connect Session
// Management 1.0 §3). No page has it unless the app puts it there. It is passive, has nothing to
// ask where nobody is logged in, and is 404 where the IdP has no check_session_iframe.
func (f *watches) serve(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	to := f.idp.At().CheckSession
	if to == "" {
		return &requestError{Status: http.StatusNotFound, Code: "not_found",
			Err: errors.New("the log-in service has no check_session_iframe")}
	}
	frame := asset.Frame{URL: to, Origin: weburl.Origin(to), Client: f.client}
	st, err := f.browsers.session(r)
	switch trouble := (*UnavailableError)(nil); {
	case errors.As(err, &trouble):
		return err
	case err == nil:
		frame.State = engine.FrameState(st.Data)
	}
	return frame.Serve(w)
}

// changed receives from the page what the IdP's frame has said. It answers with the
// session_state that the page uses from now on; empty: none. It ends nothing. It takes POST
// from this very origin only. Errors: ErrAnonymous, ErrCrossOrigin, *EndedError, *requestError,
// *UnavailableError.
func (f *watches) changed(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	if !f.site.Of(r).IsOwn(r.Header) || web.First(r.Header, "Sec-Fetch-Mode") == "navigate" {
		return ErrCrossOrigin
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxChanged)
	if err := r.ParseForm(); err != nil {
		return &requestError{Status: http.StatusBadRequest, Code: "invalid_request",
			Err: errors.New("malformed or too large form")}
	}
	st, err := f.browsers.session(r)
	if err != nil {
		return err
	}
	ctx, cancel := f.engine.Detached(r.Context())
	defer cancel()
	if st, err = f.engine.NoteChanged(ctx, st, r.PostForm.Get("session_state")); err != nil {
		return err
	}
	return web.WriteJSON(w, struct {
		SessionState string `json:"session_state"`
	}{engine.FrameState(st.Data)})
}
