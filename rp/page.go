package rp

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
)

// page is what one of the library's own few pages says.
type page struct {
	title    word
	advice   []word
	minutes  int // in the advice
	link     string
	linkText word
	form     *pageForm
	kept     *keptForm
	follow   *following
}

// pageForm is what a page asks to be sent.
type pageForm struct {
	Action string
	Fields url.Values
	Button word
	Script template.JS // sends it at once; empty: the person presses the button
	Own    bool        // it goes to this app, which looks at Referer and Origin
}

const (
	pageStyle  = `:root{color-scheme:light dark;background:Canvas;color:CanvasText}body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}h1{font-size:1.6rem;line-height:1.25;text-wrap:balance}a,button{font:inherit}`
	formScript = `document.getElementById('tandem-next').submit()`
)

var bodyTemplate = template.Must(template.New("body").Parse(`<h1>{{.Title}}</h1>{{with .Advice}}<p>{{.}}</p>{{end}}
{{- with .Kept}}<p id="tandem-lost">{{$.Lost}}</p><p id="tandem-kept" hidden>{{$.Waits}}</p>{{end}}
{{- if .Link}}<p><a {{if .Kept}}id="tandem-on" {{end}}href="{{.Link}}">{{.LinkText}}</a></p>{{end}}
{{- with .Kept}}<input type="hidden" id="tandem-sealed" value="{{.Sealed}}" data-link="{{.On}}"><script>{{$.Script}}</script>{{end}}
{{- with .Follow}}<noscript><p><a href="{{.On}}">{{$.Button}}</a></p></noscript><script{{if .User}} data-user="1"{{end}}>{{$.Script}}</script>{{end}}
{{- with .Form}}
<form method="post" action="{{.Action}}" id="tandem-next">{{range $name, $all := .Fields}}{{range $all}}<input type="hidden" name="{{$name}}" value="{{.}}">{{end}}{{end}}<button>{{$.Button}}</button></form>
{{- with .Script}}<script>{{.}}</script>{{end}}{{end}}`))

var frameTemplate = template.Must(template.New("frame").Parse(`<!DOCTYPE html>
<html lang="{{.Language}}" dir="auto"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title><style>{{.Style}}</style></head>
<body><main>{{.Body}}</main></body></html>
`))

// csp lets in what the page is made of, and of the app's what a frame may need.
func csp(style, script string, framed bool) string {
	// Images: Firefox applies the policy to the app's icon, too.
	v := "default-src 'none'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'; style-src " + sourceHash(style)
	if framed {
		v += " 'self'; font-src 'self'"
	}
	if script != "" {
		v += "; script-src " + sourceHash(script)
	}
	return v // no form-action: browsers apply it to the redirects behind the form, too
}

func sourceHash(s string) string {
	h := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(h[:]) + "'"
}

// render writes a page in the language of a request, and its header.
func (p *RelyingParty) render(h http.Header, r *http.Request, pg page) []byte {
	in := p.cfg.Pages.speaks(r)
	data := struct {
		Title, Advice, Link, LinkText, Button, Lost, Waits string
		Form                                               *pageForm
		Kept                                               *keptForm
		Follow                                             *following
		Script                                             template.JS
	}{Title: in.say(0, pg.title), Advice: in.say(pg.minutes, pg.advice...), Link: pg.link, LinkText: in.say(0, pg.linkText),
		Form: pg.form, Kept: pg.kept, Follow: pg.follow}
	referrer := "no-referrer"
	switch {
	case pg.form != nil:
		data.Button, data.Script = in.say(0, pg.form.Button), pg.form.Script
		if pg.form.Own {
			referrer = "same-origin"
		}
	case pg.kept != nil:
		data.Lost, data.Waits, data.Script = in.say(0, "not-taken"), in.say(0, "kept"), keepScript
	case pg.follow != nil:
		data.Button, data.Script = in.say(0, "to-continue"), fragmentScript
	}
	var body, b bytes.Buffer
	_ = bodyTemplate.Execute(&body, data) // cannot fail: the data fits the template
	out := Page{Language: in.tag, Title: data.Title, Body: template.HTML(body.String()), Style: pageStyle}
	framed := p.cfg.Pages.Frame != nil
	if framed {
		if err := p.cfg.Pages.Frame(&b, out); err != nil {
			p.refusals.spend(p.log, p.now(), "Config.Pages.Frame fails; the plain page is shown", "error", err)
			b.Reset()
			framed = false
		}
	}
	if !framed {
		_ = frameTemplate.Execute(&b, out) // nor can this
	}
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", in.tag)
	h.Set("Content-Security-Policy", csp(pageStyle, string(data.Script), framed))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", referrer)
	return b.Bytes()
}

func (p *RelyingParty) writePage(w http.ResponseWriter, r *http.Request, pg page) error {
	b := p.render(w.Header(), r, pg)
	_, err := w.Write(b)
	return err
}
