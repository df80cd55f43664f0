package person

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

type form struct {
	action, method string
	fields         url.Values
}

var errNoForm = errors.New("there is no form on the page")

// firstForm reads the first form of a page: inputs with their values, and the
// first button that has a name.
func firstForm(page string) (*form, error) {
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return nil, err
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" {
			return readForm(doc, n), nil
		}
	}
	return nil, errNoForm
}

func readForm(doc, n *html.Node) *form {
	f := &form{action: attr(n, "action"), method: strings.ToUpper(attr(n, "method")), fields: url.Values{}}
	if f.method == "" {
		f.method = http.MethodGet
	}
	pressed := false
	for c := range doc.Descendants() {
		if c.Type != html.ElementNode || !belongs(c, n) {
			continue
		}
		name, kind := attr(c, "name"), strings.ToLower(attr(c, "type"))
		switch {
		case c.Data == "button", c.Data == "input" && kind == "submit":
			if !pressed && name != "" && kind != "button" {
				f.fields.Set(name, attr(c, "value"))
			}
			pressed = true
		case name == "":
		case c.Data == "input" && (kind == "checkbox" || kind == "radio"):
			if has(c, "checked") {
				f.fields.Add(name, attr(c, "value"))
			}
		case c.Data == "input", c.Data == "textarea":
			f.fields.Add(name, attr(c, "value"))
		}
	}
	return f
}

// belongs: a control belongs to the form that its form attribute names, else to
// the one around it.
func belongs(c, form *html.Node) bool {
	if id := attr(c, "form"); id != "" {
		return id == attr(form, "id")
	}
	for p := c.Parent; p != nil; p = p.Parent {
		if p == form {
			return true
		}
	}
	return false
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	for _, a := range n.Attr {
		if a.Key == name {
			return true
		}
	}
	return false
}
