package asset

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the script of the frame
	"encoding/base64"
	"html/template"
	"net/http"
)

// Frame is the page for a hidden frame, which asks the IdP's check_session_iframe (OpenID Connect
// Session Management 1.0 §3). Without a State it is empty.
type Frame struct {
	URL    string // of the IdP's frame
	Origin string // the same's
	Client string
	State  string // session_state
}

//go:embed checksession.js
var frameScript string

var frameTemplate = template.Must(template.New("frame").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>session</title></head>
<body>{{if .State}}<script data-at="{{.URL}}" data-client="{{.Client}}" data-state="{{.State}}">{{.Script}}</script>{{end}}</body></html>
`))

// policy lets in the script, the IdP's frame and what the script sends home. Only the app's own
// pages may frame it; they need frame-src 'self' and nothing of the IdP.
func (f *Frame) policy() string {
	sum := sha256.Sum256([]byte(frameScript))
	return "default-src 'none'; script-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
		"'; frame-src " + f.Origin + "; connect-src 'self'; base-uri 'none'; form-action 'none'; " +
		"frame-ancestors 'self'"
}

// Serve sends the page.
func (f *Frame) Serve(w http.ResponseWriter) error {
	var b bytes.Buffer
	data := struct {
		Frame
		Script template.JS
	}{*f, template.JS(frameScript)}
	if err := frameTemplate.Execute(&b, data); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", f.policy())
	_, err := w.Write(b.Bytes())
	return err
}
