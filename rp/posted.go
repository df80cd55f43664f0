package rp

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"html/template"
	"mime"
	"net/http"
	"net/url"
	"time"
)

const (
	postedPath = "/posted"
	maxPosted  = 64 << 10 // bytes of a form that is kept
	notTaken   = " What you have just sent was not taken."
	// postedFor is how long a form is kept beyond Config.LoginTimeout.
	postedFor = 5 * time.Minute
)

// posted is a form that came when the session was over already (Config.KeepPosted). It
// waits in the tab that has sent it, sealed, and goes back to the same person only.
type posted struct {
	ID      string    `json:"id"` // it is given back once
	Subject string    `json:"subject"`
	Path    string    `json:"path"`
	Form    []byte    `json:"form"` // encoded
	Until   time.Time `json:"until"`
}

// keepPosted seals the form of a request that is not served; empty if it is not to be
// kept: a file is in it, it is too large, a page of another origin has sent it, or nobody
// knows whose it was.
func (p *RelyingParty) keepPosted(r *http.Request) (sealed string) {
	if !p.cfg.KeepPosted || r.Method != http.MethodPost || p.isOwnPath(r.URL.Path) || p.origins.refuses(r) {
		return ""
	}
	path := r.URL.RequestURI()
	kind, _, _ := mime.ParseMediaType(first(r.Header, "Content-Type"))
	if kind != "application/x-www-form-urlencoded" || SafeReturnTo(path) != path {
		return ""
	}
	subject := p.whose(r)
	if subject == "" {
		return ""
	}
	r.Body = http.MaxBytesReader(nil, r.Body, maxPosted)
	if r.ParseForm() != nil || len(r.PostForm) == 0 && r.ContentLength != 0 { // or somebody has read it
		return ""
	}
	form := []byte(r.PostForm.Encode())
	if len(form) > maxPosted { // a middleware has read it before, with another limit
		return ""
	}
	return p.sealPosted(posted{random(), subject, path, form, p.now().Add(p.cfg.LoginTimeout + postedFor)})
}

func (p *RelyingParty) sealPosted(f posted) string {
	plain, _ := json.Marshal(f) // texts and a time
	return base64.RawURLEncoding.EncodeToString(p.targets.Seal(plain, p.party.posts()))
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

// openPosted reads what keepPosted has made.
func (p *RelyingParty) openPosted(sealed string) (f posted, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return posted{}, false
	}
	plain, err := p.targets.Open(raw, p.party.posts())
	return f, err == nil && json.Unmarshal(plain, &f) == nil
}

// postedLink leads to the form that was kept, over the log-in. A session that only waits
// for its person needs none.
func (p *RelyingParty) postedLink(waits bool, more string) string {
	if waits {
		return p.cfg.Prefix + postedPath
	}
	return p.loginTo(p.cfg.Prefix+postedPath) + more
}

// servePosted is where the browser comes back to: a page that fetches the form from the
// tab's storage and posts it to returnPosted.
func (p *RelyingParty) servePosted(w http.ResponseWriter, r *http.Request) error {
	noStore(w.Header())
	if _, err := p.Authenticate(r); err != nil {
		back := p.loginTo(p.cfg.Prefix + postedPath)
		switch {
		case !navigation(r):
			return err
		case errors.Is(err, ErrSilentCheck):
			comeBack(w, back+"&silent=1")
			return nil
		case errors.Is(err, ErrAnonymous), errors.Is(err, ErrEnded), errors.Is(err, ErrReauthenticate):
			comeBack(w, back)
			return nil
		}
		return err
	}
	return formPage{page: page{Title: "Nothing is left to send.", Advice: "You are logged in.", Link: "/", LinkText: "Continue"},
		Action: p.cfg.Prefix + postedPath, Button: "Look for what was sent", Fields: url.Values{"sealed": {""}}, Script: fetchScript}.write(w, "same-origin")
}

// returnPosted gives the form back, once, on a page with a button: nothing is sent that
// the person does not send.
func (p *RelyingParty) returnPosted(w http.ResponseWriter, r *http.Request) error {
	noStore(w.Header())
	s, err := p.Authenticate(r) // and the origin
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, 4*maxPosted)
	lost := page{Title: "What you had sent cannot be sent again.", Link: "/", LinkText: "Continue",
		Advice: "It was sent too long ago, or by somebody else, or it has been given back already."}
	if r.ParseForm() != nil {
		return writePage(w, http.StatusBadRequest, lost)
	}
	f, ok := p.openPosted(r.PostForm.Get("sealed"))
	if !ok || f.Subject != s.Subject() || p.now().After(f.Until) {
		return writePage(w, http.StatusForbidden, lost)
	}
	switch err := p.cfg.Store.Once(r.Context(), p.party.once("posted", f.ID), f.Until); {
	case errors.Is(err, ErrConflict):
		return writePage(w, http.StatusForbidden, lost)
	case err != nil:
		return p.storeFailed(err)
	}
	fields, err := url.ParseQuery(string(f.Form))
	if err != nil {
		return writePage(w, http.StatusForbidden, lost)
	}
	return formPage{page: page{Title: "Send it now?", Advice: "You are logged in again. What you had sent was not taken.",
		Link: "/", LinkText: "Do not send it"}, Action: f.Path, Button: "Send", Fields: fields}.write(w, "same-origin")
}

const (
	// keepScript puts the form into the tab, and then says so. Where that fails the page
	// says that nothing was taken.
	keepScript = `try{const g=e=>document.getElementById(e);sessionStorage.setItem("tandem-posted",g("sealed").value);` +
		`g("lost").hidden=true;g("kept").hidden=false;g("on").href=g("on").dataset.kept}catch{}`
	// fetchScript takes it out again.
	fetchScript = `try{const k="tandem-posted",v=sessionStorage.getItem(k);if(v){sessionStorage.removeItem(k);` +
		`document.forms[0].elements.sealed.value=v;document.forms[0].submit()}else document.forms[0].remove()}catch{document.forms[0].remove()}`
)

func keptAnswer(code string, pg page, sealed, on string) Answer {
	pg.Style = pageStyle
	var b bytes.Buffer
	_ = keptTemplate.Execute(&b, struct { // cannot fail: the data fits the template
		page
		Lost, Sealed, On string
		Script           template.JS
	}{pg, notTaken, sealed, on, keepScript})
	a := Answer{Status: http.StatusUnauthorized, Header: http.Header{}, Body: b.Bytes()}
	noStore(a.Header)
	pageHeader(a.Header, keepScript)
	a.Header.Set(ErrorHeader, code)
	return a
}

var keptTemplate = template.Must(template.New("kept").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title><style>{{.Style}}</style></head>
<body><main><h1>{{.Title}}</h1><p>{{.Advice}}<span id="lost">{{.Lost}}</span><span id="kept" hidden> What you have just sent waits in this tab: you can send it afterwards.</span></p>
<p><a id="on" href="{{.Link}}" data-kept="{{.On}}">{{.LinkText}}</a></p></main>
<input type="hidden" id="sealed" value="{{.Sealed}}"><script>{{.Script}}</script></body></html>
`))
