package idptest

import (
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/net/html"
)

type form struct {
	action, method string
	fields         url.Values // as they are sent with the first button
	names          []string   // of fields that a person fills in
	buttons        []string   // their names
	pressed        string     // the name of the first
}

// firstForm reads the first form of a page.
func firstForm(page string) (*form, bool) {
	doc, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return nil, false
	}
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode && n.Data == "form" {
			return readForm(doc, n), true
		}
	}
	return nil, false
}

func readForm(doc, n *html.Node) *form {
	f := &form{method: strings.ToUpper(attr(n, "method")), action: attr(n, "action"), fields: url.Values{}}
	if f.method == "" {
		f.method = http.MethodGet
	}
	for c := range doc.Descendants() {
		if c.Type == html.ElementNode && belongs(c, n) {
			f.take(c)
		}
	}
	return f
}

func (f *form) take(c *html.Node) {
	name, kind := attr(c, "name"), strings.ToLower(attr(c, "type"))
	switch {
	case c.Data == "button" && kind != "button" && kind != "reset", c.Data == "input" && kind == "submit":
		if len(f.buttons) == 0 && name != "" {
			f.pressed = name
			f.fields.Set(name, attr(c, "value"))
		}
		f.buttons = append(f.buttons, name)
	case name == "":
	case c.Data == "input" && (kind == "checkbox" || kind == "radio"):
		if has(c, "checked") {
			f.fields.Add(name, attr(c, "value"))
		}
	case c.Data == "input" && kind == "hidden":
		f.fields.Add(name, attr(c, "value"))
	case c.Data == "input" && kind != "button" && kind != "reset", c.Data == "textarea":
		f.names = append(f.names, name)
		f.fields.Add(name, value(c))
	}
}

func value(c *html.Node) string {
	if c.Data == "textarea" && c.FirstChild != nil {
		return c.FirstChild.Data
	}
	return attr(c, "value")
}

// belongs: a control belongs to the form that its form attribute names, else to the one
// around it.
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
