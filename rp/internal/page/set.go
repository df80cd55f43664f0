package page

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

// Set are the library's pages in the words and the frame of one app. The zero value shows
// plain English ones.
type Set struct {
	Texts    map[string]map[string]string // by language tag and key
	Language func(*http.Request) string   // nil: Accept-Language
	Frame    func(io.Writer, Framed) error
	// FrameFails is told when Frame does, which anybody can cause by asking for a page.
	FrameFails func(error)
}

// Framed is a page for a frame: its Body as HTML, and what the frame may use beside.
type Framed struct {
	Language string
	Title    string
	Body     template.HTML
	Style    template.CSS
}

const (
	maxText    = 1 << 10 // bytes of one text
	maxTongues = 200
)

// frame writes the page around a body: by the app's frame, or the plain one where that fails.
func (s *Set) frame(pg Framed) (whole []byte, framed bool) {
	var b bytes.Buffer
	if s.Frame != nil {
		err := s.Frame(&b, pg)
		if err == nil {
			return b.Bytes(), true
		}
		s.FrameFails(err)
		b.Reset()
	}
	_ = frameTemplate.Execute(&b, pg) // cannot fail
	return b.Bytes(), false
}

// tongue is a language and its words.
type tongue struct {
	tag   string
	texts map[string]string
}

// say is what the words are in a language, one sentence after the other.
func (t *tongue) say(minutes int, words ...Word) string {
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
func (s *Set) speaks(r *http.Request) *tongue {
	tags := slices.Sorted(maps.Keys(s.Texts))
	if !slices.Contains(tags, "en") {
		tags = append(tags, "en")
	}
	want := strings.Join(r.Header["Accept-Language"], ",")
	if s.Language != nil {
		want = s.Language(r)
	}
	tag := choose(want, tags)
	if tag == "" {
		tag = "en"
	}
	return &tongue{tag, s.Texts[tag]}
}

// Check reports what is wrong with a Set. What it says continues a sentence that begins with
// the field's name.
func (s *Set) Check(fault func(cure string, args ...any)) {
	if len(s.Texts) > maxTongues {
		fault("has %d languages; use at most %d", len(s.Texts), maxTongues)
	}
	for tag, texts := range s.Texts {
		if !isLanguage(tag) {
			fault("has texts for %q, which is no language tag; use such as \"de\" or \"pt-BR\"", tag)
		}
		for key, text := range texts {
			switch {
			case english[key] == "":
				fault("has the text %q for %q, which no page shows; pages.Texts has the keys", key, tag)
			case len(text) > maxText:
				fault("has a text of %d bytes for %q in %q; use at most %d", len(text), key, tag, maxText)
			}
		}
	}
	if s.Frame == nil {
		return
	}
	sample := Framed{Language: "en", Title: "Title", Body: "<h1>Title</h1>", Style: style}
	var b bytes.Buffer
	switch err := s.Frame(&b, sample); {
	case err != nil:
		fault("Frame fails: %v", err)
	case !strings.Contains(b.String(), string(sample.Body)):
		fault("Frame leaves Page.Body out, so a person would find no way on; write it as it is, without escaping it " +
			"once more")
	}
}

// Lacks tells which texts are missing in which language; empty: none.
func (s *Set) Lacks() string {
	var all []string
	for _, tag := range slices.Sorted(maps.Keys(s.Texts)) {
		var missing []string
		for key := range english {
			if tag != "en" && !strings.HasPrefix(tag, "en-") && s.Texts[tag][key] == "" {
				missing = append(missing, key)
			}
		}
		if len(missing) > 0 {
			slices.Sort(missing)
			all = append(all, fmt.Sprintf("in %q for %s", tag, strings.Join(missing, ", ")))
		}
	}
	return strings.Join(all, "; ")
}
