package rp

import (
	"html/template"
	"io"
	"net/http"

	"github.com/tandem-sso/tandem/rp/internal/page"
)

// Pages are the language, the words and the frame of the few pages that the library shows
// itself: docs/pages.md. The zero value shows plain English ones.
type Pages struct {
	// Texts has the words for each language, by its tag (RFC 5646: "de", "pt-BR") and by the
	// keys of [PageTexts], as plain text. A missing one is shown in English, and a [Finding].
	Texts map[string]map[string]string
	// Language chooses the language of an answer, by a tag. Default: Accept-Language, else
	// English.
	Language func(*http.Request) string
	// Frame writes the page around [Page.Body]. The Content-Security-Policy stays strict:
	// images, fonts and style sheets of this origin, no script, no inline style but Page.Style.
	// If it fails the plain page is shown. Default: a plain page.
	Frame func(io.Writer, Page) error
}

// Page is one of the library's pages, for [Pages].Frame.
type Page struct {
	Language string // for the lang attribute
	Title    string // for <title>; the Body has it as its heading
	// Body is a heading, a paragraph, and a link or a form.
	Body template.HTML
	// Style is the plain page's: <style>{{.Style}}</style>. The frame may leave it out.
	Style template.CSS
}

// set is p in the form that writes pages. fails is told when Frame does.
func (p *Pages) set(fails func(error)) *page.Set {
	s := &page.Set{Texts: p.Texts, Language: p.Language, FrameFails: fails}
	if p.Frame != nil {
		s.Frame = func(w io.Writer, f page.Framed) error { return p.Frame(w, Page(f)) }
	}
	return s
}

// judgePages tells what is missing in a language.
func judgePages(s *page.Set) []Finding {
	lacks := s.Lacks()
	if lacks == "" {
		return nil
	}
	return []Finding{{Code: "page_texts", Text: "Config.Pages has no text " + lacks +
		": the pages say that in English."}}
}

// PageTexts returns the texts of the library's own pages in English, by their keys: what
// Config.Pages replaces.
func PageTexts() map[string]string { return page.Texts() }
