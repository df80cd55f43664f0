package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
)

// Page is what one of the library's own few pages says.
type Page struct {
	Title    Word
	Advice   []Word
	Minutes  int // in the advice
	Link     string
	LinkText Word
	Form     *Form
	Kept     *Kept
	Follow   *Follow
}

// Form is what a page asks to be sent.
type Form struct {
	Action string
	Fields url.Values
	Button Word
	Script template.JS // sends it; empty: the person presses the button
	Own    bool        // it goes to this app, which looks at Referer and Origin
}

// Kept is a form that the page puts into the tab, sealed, and the address that leads to it.
type Kept struct{ Sealed, On string }

// Follow is a page that asks for the same address once more, with the fragment in its
// query. A browser without scripts goes on without one. That a person has made this
// navigation goes along: a script's does not say it.
type Follow struct {
	On   string
	User bool
}

const style = `:root{color-scheme:light dark;background:Canvas;color:CanvasText}body{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:15vh auto;padding:0 1rem}h1{font-size:1.6rem;line-height:1.25;text-wrap:balance}a,button{font:inherit}button{padding:.5rem 1.1rem}`

var bodyTemplate = template.Must(template.New("body").Parse(`<h1>{{.Title}}</h1>{{with .Advice}}<p>{{.}}</p>{{end}}
{{- with .Kept}}<p id="tandem-lost">{{$.Lost}}</p><p id="tandem-kept" hidden>{{$.Waits}}</p>{{end}}
{{- with .Form}}
<form method="post" action="{{.Action}}" id="tandem-next">{{range $name, $all := .Fields}}{{range $all}}<input type="hidden" name="{{$name}}" value="{{.}}">{{end}}{{end}}<button>{{$.Button}}</button></form>
{{- with .Script}}<script>{{.}}</script>{{end}}{{end}}
{{- if .Link}}<p><a {{if .Kept}}id="tandem-on" {{end}}href="{{.Link}}">{{.LinkText}}</a></p>{{end}}
{{- with .Kept}}<input type="hidden" id="tandem-sealed" value="{{.Sealed}}" data-link="{{.On}}"><script>{{$.Script}}</script>{{end}}
{{- with .Follow}}<noscript><p><a href="{{.On}}">{{$.Button}}</a></p></noscript><script{{if .User}} data-user="1"{{end}}>{{$.Script}}</script>{{end}}`))

var frameTemplate = template.Must(template.New("frame").Parse(`<!DOCTYPE html>
<html lang="{{.Language}}" dir="auto"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title><style>{{.Style}}</style></head>
<body><main>{{.Body}}</main></body></html>
`))

// csp lets in what the page is made of, and of the app's what a frame may need.
func csp(script string, framed bool) string {
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

// Render writes a page in the language of a request, and its header.
func (s *Set) Render(h http.Header, r *http.Request, pg Page) []byte {
	in := s.speaks(r)
	data := struct {
		Title, Advice, Link, LinkText, Button, Lost, Waits string
		Form                                               *Form
		Kept                                               *Kept
		Follow                                             *Follow
		Script                                             template.JS
	}{Title: in.say(0, pg.Title), Advice: in.say(pg.Minutes, pg.Advice...), Link: pg.Link,
		LinkText: in.say(0, pg.LinkText),
		Form:     pg.Form, Kept: pg.Kept, Follow: pg.Follow}
	referrer := "no-referrer"
	switch {
	case pg.Form != nil:
		data.Button, data.Script = in.say(0, pg.Form.Button), pg.Form.Script
		if pg.Form.Own {
			referrer = "same-origin"
		}
	case pg.Kept != nil:
		data.Lost, data.Waits, data.Script = in.say(0, "not-taken"), in.say(0, "kept"), keepScript
	case pg.Follow != nil:
		data.Button, data.Script = in.say(0, "to-continue"), followScript
	}
	var body bytes.Buffer
	_ = bodyTemplate.Execute(&body, data) // cannot fail: the data fits the template
	whole, framed := s.frame(Framed{Language: in.tag, Title: data.Title, Body: template.HTML(body.String()),
		Style: style})
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", in.tag)
	h.Set("Content-Security-Policy", csp(string(data.Script), framed))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", referrer)
	return whole
}

// Write sends a page with status 200.
func (s *Set) Write(w http.ResponseWriter, r *http.Request, pg Page) error {
	b := s.Render(w.Header(), r, pg)
	_, err := w.Write(b)
	return err
}
