package idptest

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Page is a page that a browser has loaded; further requests start from it. Addresses may be
// relative to it.
type Page struct {
	URL    *url.URL
	Status int
	Header http.Header
	Body   string
	// To is the address of a redirect that was not followed.
	To *url.URL
	// Hops are the addresses on the way here, this one included.
	Hops []string

	b *Browser
}

// Follow clicks a link on the page.
func (p *Page) Follow(to string) *Page {
	p.b.t.Helper()
	return p.b.navigate(visit{method: http.MethodGet, to: p.resolve(to), from: p.URL, dest: "document", user: true})
}

// Post submits a form that the page could have, to any site.
func (p *Page) Post(to string, form url.Values) *Page {
	p.b.t.Helper()
	if form == nil {
		form = url.Values{}
	}
	return p.b.navigate(visit{method: http.MethodPost, to: p.resolve(to), form: form, from: p.URL,
		dest: "document", user: true})
}

// Submit submits the first form of the page with its first button, with [Browser.Fill] and
// these pairs of name and value: a button's name chooses that button.
func (p *Page) Submit(values ...string) *Page {
	p.b.t.Helper()
	return p.submit(true, values...)
}

// SignIn submits forms that have a field of [Browser.Fill], one after another, and returns
// the first page that has none. It gives up after five.
func (p *Page) SignIn() *Page {
	p.b.t.Helper()
	for range 5 {
		f, ok := firstForm(p.Body)
		if !ok || p.Status >= 400 || !slices.ContainsFunc(f.names, p.b.Fill.Has) {
			return p
		}
		hops := p.Hops
		p = p.Submit()
		p.Hops = append(hops, p.Hops...)
	}
	p.b.t.Fatalf("idptest: a form comes again and again: %s", p)
	return p
}

// Fetch is a request of the page's script: credentials go along, to other sites too. It
// follows no redirect. header are pairs of name and value that the script sets.
func (p *Page) Fetch(method, to string, header ...string) *Page {
	p.b.t.Helper()
	return p.Send(method, to, nil, header...)
}

// Send is Fetch with a body. That of a form needs no Content-Type.
func (p *Page) Send(method, to string, body io.Reader, header ...string) *Page {
	p.b.t.Helper()
	u := p.resolve(to)
	h := metadata("cors", "empty", siteOf(p.URL, u), u)
	h.Set("Accept", "*/*")
	if !safe(method) || !sameOrigin(p.URL, u) {
		h.Set("Origin", origin(p.URL))
	}
	if body != nil {
		h.Set("Content-Type", formType)
	}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return p.b.page(method, u, body, h)
}

// Load is a request that a page makes for a part of it. dest is its Sec-Fetch-Dest, such as
// "image", "script", "style", or "iframe", whose redirects are followed.
func (p *Page) Load(dest, to string) *Page {
	p.b.t.Helper()
	u := p.resolve(to)
	if dest == "iframe" || dest == "frame" {
		return p.b.navigate(visit{method: http.MethodGet, to: u, from: p.URL, dest: dest})
	}
	h := metadata("no-cors", dest, siteOf(p.URL, u), u)
	h.Set("Accept", "*/*")
	return p.b.page(http.MethodGet, u, nil, h)
}

func (p *Page) resolve(to string) *url.URL {
	p.b.t.Helper()
	return p.URL.ResolveReference(p.b.parse(to))
}

func (p *Page) submit(user bool, values ...string) *Page {
	p.b.t.Helper()
	f, ok := firstForm(p.Body)
	if !ok {
		p.b.t.Fatalf("idptest: there is no form on the page: %s", p)
	}
	for _, name := range f.names {
		if p.b.Fill.Has(name) {
			f.fields[name] = p.b.Fill[name]
		}
	}
	for i := 0; i+1 < len(values); i += 2 {
		if slices.Contains(f.buttons, values[i]) {
			f.fields.Del(f.buttons[0])
		}
		f.fields.Set(values[i], values[i+1])
	}
	v := visit{method: http.MethodPost, to: p.resolve(f.action), form: f.fields, from: p.URL, dest: "document",
		user: user}
	if f.method != http.MethodPost {
		v.to.RawQuery, v.method, v.form = f.fields.Encode(), http.MethodGet, nil
	}
	return p.b.navigate(v)
}

// visit is a navigation. from is the page that has caused it, nil if the person has.
type visit struct {
	method   string
	to, from *url.URL
	form     url.Values
	dest     string
	user     bool // a click, not a script
}

// navigate follows redirects and scripts that submit a form.
func (b *Browser) navigate(v visit) *Page {
	b.t.Helper()
	var hops []string
	site := "none"
	for {
		if v.from != nil {
			site = farther(site, siteOf(v.from, v.to))
		}
		h := metadata("navigate", v.dest, site, v.to)
		h.Set("Accept", "text/html,application/xhtml+xml,*/*;q=0.8")
		if v.user && h.Get("Sec-Fetch-Mode") != "" {
			h.Set("Sec-Fetch-User", "?1")
		}
		if v.method == http.MethodPost {
			h.Set("Origin", origin(v.from))
		}
		var body io.Reader
		if v.form != nil {
			body = strings.NewReader(v.form.Encode())
			h.Set("Content-Type", formType)
		}
		p := b.page(v.method, v.to, body, h)
		hops = append(hops, v.to.String())
		p.Hops = hops
		switch {
		case p.To != nil:
			if b.Stop != nil && b.Stop(p.To) {
				return p
			}
			if p.Status != http.StatusTemporaryRedirect && p.Status != http.StatusPermanentRedirect {
				v.method, v.form = http.MethodGet, nil
			}
			v.to = p.To
		case submitsItself(p):
			f, _ := firstForm(p.Body)
			if to := p.resolve(f.action); b.Stop != nil && b.Stop(to) {
				p.To = to
				p.To.RawQuery = f.fields.Encode()
				return p
			}
			next := p.submit(false)
			next.Hops = append(hops, next.Hops...)
			return next
		default:
			return p
		}
		if len(hops) == maxHops {
			b.t.Fatalf("idptest: redirected in circles:\n%s", strings.Join(hops, "\n"))
		}
	}
}

var submitScript = regexp.MustCompile(`<script[^>]*>\s*document\.[\w\[\]().'"-]+\.submit\(\);?\s*</script>`)

// submitsItself: the page has a form, and a script that does nothing but submit it.
func submitsItself(p *Page) bool {
	return p.Status < 400 && submitScript.MatchString(p.Body)
}
