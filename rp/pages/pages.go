// Package pages configures the few pages of the library itself: their language, their words
// and their frame (Config.Pages). See docs/pages.md.
package pages

import (
	"html/template"
	"io"
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/page"
)

// Config says how the pages look. The zero value shows plain pages in English.
type Config struct {
	// Texts has the words for each language, by its tag (RFC 5646: "de", "pt-BR") and by the
	// keys of [Texts], as plain text. A missing text is shown in English, and reported as a
	// Finding.
	Texts map[string]map[string]string
	// Language chooses the language of an answer, by a tag. Default: Accept-Language, else
	// English.
	Language func(*http.Request) string
	// Frame writes the page around [Page.Body]. The Content-Security-Policy stays strict:
	// images, fonts and style sheets of this origin, no script, no inline style but Page.Style.
	// If it fails the plain page is shown. Default: a plain page.
	Frame func(io.Writer, Page) error
}

// Page is one of the library's pages, for [Config].Frame.
type Page struct {
	Language string // for the lang attribute
	Title    string // for <title>; the Body has it as its heading
	// Body is a heading, a paragraph, and a link or a form.
	Body template.HTML
	// Style is the plain page's: <style>{{.Style}}</style>. The frame may leave it out.
	Style template.CSS
}

// Texts returns the texts of the library's own pages in English, by their keys. Config.Pages
// replaces them.
func Texts() map[string]string { return page.Texts() }
