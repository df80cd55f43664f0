package rp

import (
	"bytes"
	"fmt"
	"html/template"
	"io"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// Pages are the language, the words and the frame of the few pages that the library shows
// itself: where somebody has to log in and no redirect may take them there, after an end,
// after a log-out, and when something fails. The zero value shows plain English ones.
//
// An app that wants pages of its own instead handles the errors of
// [RelyingParty.Authenticate] itself.
type Pages struct {
	// Texts has the words for each language, by its tag (RFC 5646: "de", "pt-BR") and by
	// the keys of [PageTexts]. Those of "en" replace the English ones. A text that is
	// missing is shown in English, and a [Finding] says which. They are plain text.
	Texts map[string]map[string]string
	// Language chooses the language of an answer: a setting of the person's, a part of
	// the path. What it returns is looked for in Texts as a browser's wish would be
	// ("de-AT" finds "de"). Default: what the browser asks for (Accept-Language), else
	// English.
	Language func(*http.Request) string
	// Frame writes the page around [Page.Body]: an html/template that is executed, a
	// component that is rendered. The Content-Security-Policy stays strict: images, fonts
	// and style sheets of this origin, no script, no inline style but Page.Style. They
	// must not need a log-in. If it fails the plain page is shown. Default: a plain page.
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

const (
	maxPageText = 1 << 10 // bytes of one text
	maxTongues  = 200
)

// tongue is a language and its words.
type tongue struct {
	tag   string
	texts map[string]string
}

// say is what the words are in a language, one sentence after the other.
func (t *tongue) say(minutes int, words ...word) string {
	var all []string
	for _, w := range words {
		text := t.texts[string(w)]
		if text == "" {
			text = english[string(w)]
		}
		if text == "" {
			text = string(w)
		}
		all = append(all, strings.ReplaceAll(text, "{minutes}", strconv.Itoa(minutes)))
	}
	return strings.Join(all, " ")
}

// speaks returns the language for a request.
func (p *Pages) speaks(r *http.Request) *tongue {
	tags := slices.Sorted(maps.Keys(p.Texts))
	if !slices.Contains(tags, "en") {
		tags = append(tags, "en")
	}
	want := strings.Join(r.Header["Accept-Language"], ",")
	if p.Language != nil {
		want = p.Language(r)
	}
	tag := choose(want, tags)
	if tag == "" {
		tag = "en"
	}
	return &tongue{tag, p.Texts[tag]}
}

// check reports what is wrong with Config.Pages.
func (p *Pages) check(fault func(field, cure string, args ...any)) {
	if len(p.Texts) > maxTongues {
		fault("Pages", "has %d languages; use at most %d", len(p.Texts), maxTongues)
	}
	for tag, texts := range p.Texts {
		if !isLanguage(tag) {
			fault("Pages", "has texts for %q, which is no language tag; use such as \"de\" or \"pt-BR\"", tag)
		}
		for key, text := range texts {
			switch {
			case english[key] == "":
				fault("Pages", "has the text %q for %q, which no page shows; rp.PageTexts has the keys", key, tag)
			case len(text) > maxPageText:
				fault("Pages", "has a text of %d bytes for %q in %q; use at most %d", len(text), key, tag, maxPageText)
			}
		}
	}
	if p.Frame == nil {
		return
	}
	sample := Page{Language: "en", Title: "Title", Body: "<h1>Title</h1>", Style: pageStyle}
	var b bytes.Buffer
	switch err := p.Frame(&b, sample); {
	case err != nil:
		fault("Pages", "Frame fails: %v", err)
	case !strings.Contains(b.String(), string(sample.Body)):
		fault("Pages", "Frame leaves Page.Body out, so a person would find no way on; write it as it is, without escaping it once more")
	}
}

// lacks tells what is missing in a language.
func (p *Pages) lacks() []Finding {
	var all []string
	for _, tag := range slices.Sorted(maps.Keys(p.Texts)) {
		var missing []string
		for key := range english {
			if tag != "en" && !strings.HasPrefix(tag, "en-") && p.Texts[tag][key] == "" {
				missing = append(missing, key)
			}
		}
		if len(missing) > 0 {
			slices.Sort(missing)
			all = append(all, fmt.Sprintf("in %q for %s", tag, strings.Join(missing, ", ")))
		}
	}
	if len(all) == 0 {
		return nil
	}
	return []Finding{{Code: "page_texts", Text: "Config.Pages has no text " + strings.Join(all, "; ") + ": the pages say that in English."}}
}
