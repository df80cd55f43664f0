package rp

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
)

// page is one of the library's own few pages. It is plain on purpose; an app
// that wants its own look handles the errors itself.
type page struct {
	Title, Advice  string
	Link, LinkText string
	Style          template.CSS
}

const (
	pageStyle  = `:root{color-scheme:light dark;background:Canvas;color:CanvasText}body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}h1{font-size:1.6rem;line-height:1.25;text-wrap:balance}a,button{font:inherit}`
	formScript = `document.forms[0].submit()`
)

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title><style>{{.Style}}</style></head>
<body><main><h1>{{.Title}}</h1><p>{{.Advice}}</p>{{if .Link}}<p><a href="{{.Link}}">{{.LinkText}}</a></p>{{end}}</main></body></html>
`))

var formTemplate = template.Must(template.New("form").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title><style>{{.Style}}</style></head>
<body><main><h1>{{.Title}}</h1><p>{{.Advice}}</p>
<form method="post" action="{{.Action}}">{{range $name, $all := .Fields}}{{range $all}}<input type="hidden" name="{{$name}}" value="{{.}}">{{end}}{{end}}<button>{{.Button}}</button></form>
{{if .Link}}<p><a href="{{.Link}}">{{.LinkText}}</a></p>{{end}}</main>{{if .Script}}<script>{{.Script}}</script>{{end}}</body></html>
`))

func csp(style, script string) string {
	// Images: Firefox applies the policy to the app's icon, too.
	v := "default-src 'none'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; style-src " + sourceHash(style)
	if script != "" {
		v += "; script-src " + sourceHash(script)
	}
	return v // no form-action: browsers apply it to the redirects behind the form, too
}

func sourceHash(s string) string {
	h := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(h[:]) + "'"
}

func (pg page) render() []byte {
	pg.Style = pageStyle
	var b bytes.Buffer
	_ = pageTemplate.Execute(&b, pg) // cannot fail: the data fits the template
	return b.Bytes()
}

func pageHeader(h http.Header, script string) {
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", csp(pageStyle, script))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
}

func writePage(w http.ResponseWriter, status int, pg page) error {
	pageHeader(w.Header(), "")
	w.WriteHeader(status)
	_, err := w.Write(pg.render())
	return err
}

// formPage is a page with a form. With script it is posted at once, and the button is for
// browsers that run none.
type formPage struct {
	page
	Action, Button string
	Fields         url.Values
	Script         template.JS
}

// write sends the page. Its form goes with a Referer and an Origin only to this app itself.
func (f formPage) write(w http.ResponseWriter, referrer string) error {
	f.Style = pageStyle
	var b bytes.Buffer
	if err := formTemplate.Execute(&b, f); err != nil {
		return err
	}
	pageHeader(w.Header(), string(f.Script))
	w.Header().Set("Referrer-Policy", referrer)
	_, err := w.Write(b.Bytes())
	return err
}
