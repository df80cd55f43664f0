// Package look is how the provider's pages look and what they may load.
package look

import (
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
)

// Style of all pages.
const Style = `
:root { color-scheme: light dark; background: Canvas; color: CanvasText; font: 100%/1.5 system-ui, sans-serif }
body { max-width: 26rem; margin: 10vh auto; padding: 0 1rem }
h1 { line-height: 1.25; text-wrap: balance }
label { display: block; margin: 1rem 0 .25rem; font-weight: 600 }
input { font: inherit; width: 100%; box-sizing: border-box; padding: .6rem; border: 1px solid GrayText; border-radius: .3rem }
button { font: inherit; padding: .6rem 1.2rem; margin: 1.5rem .5rem 0 0; border: 1px solid GrayText; border-radius: .3rem; cursor: pointer }
button.main { background: #1a4fb4; border-color: #1a4fb4; color: #fff }
:focus-visible { outline: 3px solid #f90; outline-offset: 2px }
.or { margin: 2rem 0 0 }
.alert { padding: .6rem 1rem; border-left: 4px solid #c22; background: color-mix(in srgb, #c22 12%, Canvas) }
.hint { color: color-mix(in srgb, CanvasText 70%, Canvas); font-weight: 400 }
iframe { display: none }
`

// Hash is a style or script for a Content-Security-Policy.
func Hash(s string) string {
	sum := sha256.Sum256([]byte(s))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Render writes a page that nobody may keep, under a Content-Security-Policy.
func Render(w http.ResponseWriter, status int, policy string, t *template.Template, page any) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", policy)
	w.WriteHeader(status)
	if err := t.Execute(w, page); err != nil {
		http.Error(w, "the page cannot be rendered", http.StatusInternalServerError)
	}
}
