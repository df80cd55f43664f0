package idptest

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// form is one form of a page. It is read with the standard library alone: what tests of
// rp import stands in the go.sum of everybody who imports rp.
type form struct {
	action, method string
	fields         url.Values // as they are sent with the first button
	names          []string   // of fields that a person fills in
	buttons        []string   // their names
}

var (
	notRead = regexp.MustCompile(`(?is)<!--.*?-->|<(script|style|noscript|template)\b.*?</(script|style|noscript|template)\s*>`)
	tags    = regexp.MustCompile(`(?i)<(/?)(form|input|button|textarea)\b((?:[^>"']|"[^"]*"|'[^']*')*)>`)
	attrs   = regexp.MustCompile(`([a-zA-Z-]+)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s"'>]+))?`)
)

// tag is a start tag, and what follows a textarea's.
type tag struct {
	name, text string
	attrs      map[string]string
}

func readTag(name, attributes, rest string) tag {
	t := tag{name: strings.ToLower(name), attrs: map[string]string{}}
	for _, a := range attrs.FindAllStringSubmatch(attributes, -1) {
		t.attrs[strings.ToLower(a[1])] = html.UnescapeString(strings.Trim(a[2], `"'`))
	}
	if t.name == "textarea" {
		text, _, _ := strings.Cut(rest, "<")
		t.text = html.UnescapeString(text)
	}
	return t
}

// firstForm reads the first form of a page, with the controls outside of it that name it.
func firstForm(page string) (*form, bool) {
	page = notRead.ReplaceAllString(page, "")
	var (
		f    *form
		id   string
		open bool // inside the first form
		in   int  // forms seen
	)
	var controls []tag
	for _, m := range tags.FindAllStringSubmatchIndex(page, -1) {
		end := m[2] != m[3]
		t := readTag(page[m[4]:m[5]], page[m[6]:m[7]], page[m[1]:])
		switch {
		case t.name == "form" && end:
			open = false
		case t.name == "form":
			if in++; in == 1 {
				f = newForm(t)
				id, open = t.attrs["id"], true
			}
		case !end:
			of, named := t.attrs["form"]
			if named && of == id && id != "" || !named && open {
				controls = append(controls, t)
			}
		}
	}
	if f == nil {
		return nil, false
	}
	for _, t := range controls {
		f.take(t)
	}
	return f, true
}

func newForm(t tag) *form {
	f := &form{method: strings.ToUpper(t.attrs["method"]), action: t.attrs["action"], fields: url.Values{}}
	if f.method == "" {
		f.method = http.MethodGet
	}
	return f
}

// take adds a control.
func (f *form) take(t tag) {
	name, kind := t.attrs["name"], strings.ToLower(t.attrs["type"])
	_, checked := t.attrs["checked"]
	switch {
	case t.name == "button" && kind != "button" && kind != "reset", kind == "submit":
		if len(f.buttons) == 0 && name != "" {
			f.fields.Set(name, t.attrs["value"])
		}
		f.buttons = append(f.buttons, name)
	case name == "", kind == "button", kind == "reset":
	case kind == "checkbox", kind == "radio":
		if checked {
			f.fields.Add(name, t.attrs["value"])
		}
	case kind == "hidden":
		f.fields.Add(name, t.attrs["value"])
	case t.name == "textarea":
		f.names = append(f.names, name)
		f.fields.Add(name, t.text)
	default:
		f.names = append(f.names, name)
		f.fields.Add(name, t.attrs["value"])
	}
}
