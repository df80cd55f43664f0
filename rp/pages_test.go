package rp_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"html/template"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/pages"
	"github.com/tandem-sso/tandem/rp/reason"
)

// marked are texts that say which key and which language they are.
func marked(tag string) map[string]string {
	out := pages.Texts()
	for key := range out {
		out[key] = "<" + tag + " " + key + "> {minutes}"
	}
	return out
}

func (w *world) answerIn(accept string, err error) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodPost, base+"/private", nil)
	r.Header = with(navigating, "Accept-Language", accept)
	rec := httptest.NewRecorder()
	w.auth[0].Answer(r, err).Write(rec)
	return rec
}

// The words of a page are those of the language that the browser asks for; what is missing
// there is English, and everything is escaped.
func TestPagesSpeak(t *testing.T) {
	texts := map[string]map[string]string{"de": marked("de"), "pt-BR": marked("pt"),
		"fr": {"login-title": "Connectez-vous."}}
	inBubble(t, setup{config: func(c *rp.Config) { c.Pages.Texts = texts }}, func(t *testing.T, w *world) {
		for accept, want := range map[string]string{
			"":                                `lang="en" Please log in. Log in`,
			"de":                              `lang="de" &lt;de login-title&gt; 0 &lt;de to-login&gt; 0`,
			"de-CH, fr;q=0.9":                 `lang="de" &lt;de login-title&gt; 0 &lt;de to-login&gt; 0`,
			"fr-CA,fr;q=0.8,en;q=0.7":         `lang="fr" Connectez-vous. Log in`,
			"en-GB,de;q=0.9":                  `lang="en" Please log in. Log in`,
			"fr;q=0.1,de;q=0.2,en;q=0":        `lang="de" &lt;de login-title&gt; 0 &lt;de to-login&gt; 0`,
			"pt":                              `lang="pt-BR" &lt;pt login-title&gt; 0 &lt;pt to-login&gt; 0`,
			"sw, *;q=0.5":                     `lang="en" Please log in. Log in`,
			"\"><script>,,;;q=,de;q=NaN,\x00": `lang="en" Please log in. Log in`,
		} {
			rec := w.answerIn(accept, rp.ErrAnonymous)
			body := rec.Body.String()
			lang := regexp.MustCompile(`lang="[^"]*"`).FindString(body)
			title := regexp.MustCompile(`<h1>(.*)</h1>`).FindStringSubmatch(body)
			link := regexp.MustCompile(`<a href="[^"]*">(.*)</a>`).FindStringSubmatch(body)
			if title == nil || link == nil || fmt.Sprint(lang, " ", title[1], " ", link[1]) != want {
				t.Errorf("%q: %s, want %s", accept, body, want)
			}
			if tag := rec.Header().Get("Content-Language"); `lang="`+tag+`"` != lang {
				t.Errorf("%q: Content-Language %q beside %s", accept, tag, lang)
			}
		}
	})
	own := func(c *rp.Config) {
		c.Pages.Texts = map[string]map[string]string{"de": {"login-title": "Bitte anmelden."}}
		c.Pages.Language = func(r *http.Request) string { return r.Header.Get("X-Language") }
	}
	inBubble(t, setup{config: own}, func(t *testing.T, w *world) {
		for tag, want := range map[string]string{"de": "Bitte anmelden.", "de-AT": "Bitte anmelden.",
			"": "Please log in.", "fr": "Please log in.", "\r\n": "Please log in."} {
			r := httptest.NewRequest(http.MethodPost, base+"/private", nil)
			r.Header = with(navigating, "X-Language", tag, "Accept-Language", "de")
			if body := string(w.auth[0].Answer(r, rp.ErrAnonymous).Body); !strings.Contains(body, "<h1>"+want+"</h1>") {
				t.Errorf("the app says %q: %s", tag, body)
			}
		}
	})
}

// The minutes of quiet are in the words of the language.
func TestPagesCount(t *testing.T) {
	texts := map[string]map[string]string{"de": {"quiet": "Seit {minutes} Minuten war hier niemand."}}
	inBubble(t, setup{kind: rp.NoToken, config: func(c *rp.Config) {
		c.Pages.Texts = texts
	}}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(12 * time.Minute)
		if err := w.idp.EndSession(v.session().SID); err != nil {
			t.Fatal(err)
		}
		w.idp.Settle()
		a := v.do("POST", "/private", nil, with(navigating, "Accept-Language", "de", "Origin", base, "Sec-Fetch-Site",
			"same-origin"))
		if !strings.Contains(a.body, "Seit 12 Minuten war hier niemand.") ||
			!strings.Contains(a.body, "You have logged out elsewhere") {
			t.Errorf("%v", a)
		}
	})
}

// Every key is used by a page, and every text on a page has a key.
func TestPageTextsAreUsed(t *testing.T) {
	used, count := map[string]bool{}, 0
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	inner, err := filepath.Glob("internal/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range append(files, inner...) {
		if strings.HasSuffix(f, "_test.go") || f == filepath.FromSlash("internal/page/texts.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), f, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				s, _ := strconv.Unquote(l.Value)
				used[s] = true
			}
			return true
		})
		for _, said := range saidIn(tree) {
			count++
			if pages.Texts()[said] == "" {
				t.Errorf("%s says %q on a page, which is no key of pages.Texts", f, said)
			}
		}
	}
	if count < 50 {
		t.Errorf("only %d texts on pages were found", count)
	}
	for _, r := range everyReason {
		used["ended-"+string(r)] = true
	}
	for _, c := range []reason.Cause{reason.StoreFailed, reason.IdPSilent, reason.IdPFails, reason.Busy} {
		used["outage-"+string(c)] = true
	}
	for key := range pages.Texts() {
		if !used[key] {
			t.Errorf("no page says %q", key)
		}
	}
}

// saidIn are the texts that a file puts on pages: what stands in a page.Page, a page.Form,
// a list of page.Word, and what badLogin and loginFailed are called with.
func saidIn(tree *ast.File) (out []string) {
	text := func(e ast.Expr) {
		if l, ok := e.(*ast.BasicLit); ok && l.Kind == token.STRING {
			s, _ := strconv.Unquote(l.Value)
			out = append(out, s)
		}
	}
	of := func(e ast.Expr, names ...string) bool {
		s, ok := e.(*ast.SelectorExpr)
		return ok && fmt.Sprint(s.X) == "page" && slices.Contains(names, s.Sel.Name)
	}
	ast.Inspect(tree, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CompositeLit:
			switch {
			case of(n.Type, "Page", "Form"):
				for _, e := range n.Elts {
					if kv := e.(*ast.KeyValueExpr); slices.Contains([]string{"Title", "LinkText", "Button"},
						fmt.Sprint(kv.Key)) {
						text(kv.Value)
					}
				}
			default:
				if list, ok := n.Type.(*ast.ArrayType); ok && of(list.Elt, "Word") {
					for _, e := range n.Elts {
						text(e)
					}
				}
			}
		case *ast.CallExpr:
			switch fmt.Sprint(n.Fun) {
			case "badLogin":
				text(n.Args[0])
			case "loginFailed":
				for _, e := range n.Args[2:] {
					text(e)
				}
			}
		}
		return true
	})
	return out
}

// A LoginError in the library's words is translated; one of the app's is shown as it is.
func TestLoginErrorsSpeak(t *testing.T) {
	inBubble(t, setup{config: func(c *rp.Config) {
		c.Pages.Texts = map[string]map[string]string{"de": marked("de")}
	}}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		a := v.do("GET", "/auth/callback?state=nobody&code=x", nil, with(navigating, "Accept-Language", "de"))
		if !strings.Contains(a.body, "&lt;de failed-old&gt; 0") ||
			!strings.Contains(a.body, "&lt;de advice-login&gt; 0") {
			t.Errorf("%v", a)
		}
		if a := v.get("/auth/callback?state=nobody&code=x"); !strings.Contains(a.body,
			"This log-in was not started in this browser, or is too old.") {
			t.Errorf("%v", a)
		}
		rec := w.answerIn("de", &rp.LoginError{Status: 403, Title: "Nur für <Mitglieder>.", Advice: "login-title",
			Err: errors.New("x")})
		if body := rec.Body.String(); !strings.Contains(body, "<h1>Nur für &lt;Mitglieder&gt;.</h1>") {
			t.Errorf("%s", body)
		}
	})
}

// The app's frame is around each page. The policy lets in its style sheets, fonts and
// images, and no script, wherever that would come from.
func TestPagesFrame(t *testing.T) {
	frame := template.Must(template.New("").Parse(`<!DOCTYPE html><html lang="{{.Language}}"><title>{{.Title}} - Notes</title><link rel="stylesheet" href="/app.css">` +
		`<body><header>Notes</header>{{.Body}}<script>alert(1)</script></body></html>`))
	broken := false
	config := func(c *rp.Config) {
		c.Logout.Post = true
		c.Pages.Frame = func(w io.Writer, p pages.Page) error {
			if broken {
				return errors.New("out of paper")
			}
			return frame.Execute(w, p)
		}
	}
	inBubble(t, setup{config: config}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		leaving := v.submit("/auth/logout")
		pages := map[string]*reply{"logging out": leaving, "logged out": v.get("/auth/logged-out"),
			"no log-in": v.submit("/private"), "a bad callback": v.get("/auth/callback?state=x")}
		for name, a := range pages {
			policy := a.header.Get("Content-Security-Policy")
			if !strings.Contains(a.body, "<header>Notes</header><h1>") || strings.Count(a.body, "</html>") != 1 ||
				strings.Contains(a.body, "&lt;h1") {
				t.Errorf("%s: %v", name, a)
			}
			if !strings.HasPrefix(policy, "default-src 'none'; ") ||
				!strings.Contains(policy, "'self'; font-src 'self'") || strings.Contains(policy, "unsafe") ||
				!strings.Contains(policy, "frame-ancestors 'none'") ||
				strings.Contains(policy, "script-src") != (name == "logging out") {
				t.Errorf("%s: %s", name, policy)
			}
		}
		if policy := leaving.header.Get("Content-Security-Policy"); strings.Contains(
			policy[strings.Index(policy, "script-src"):], "'self'") || strings.Count(policy, "sha256") != 2 {
			t.Errorf("%s", policy)
		}
		// not the first form of the frame
		if !strings.Contains(leaving.body, `id="tandem-next"`) ||
			!strings.Contains(leaving.body, "getElementById('tandem-next')") {
			t.Errorf("%v", leaving)
		}
		broken = true
		a := v.get("/auth/logged-out")
		if strings.Contains(a.body, "Notes") || !strings.Contains(a.body, "<h1>You are logged out.</h1>") ||
			strings.Contains(a.header.Get("Content-Security-Policy"), "font-src") {
			t.Errorf("a frame that fails: %v", a)
		}
		if !w.log.has("out of paper") {
			t.Error("the log does not say that the frame fails")
		}
	})
}

// What is missing in a language is told at the start.
func TestPagesLack(t *testing.T) {
	whole, part := pages.Texts(), pages.Texts()
	delete(part, "quiet")
	delete(part, "error")
	texts := map[string]map[string]string{"de": whole, "fr": part, "it": part, "en": {"to-login": "Sign in"},
		"en-GB": {}}
	inBubble(t, setup{config: func(c *rp.Config) { c.Pages.Texts = texts }}, func(t *testing.T, w *world) {
		var told []string
		for _, f := range w.auth[0].Findings() {
			if f.Code == "page_texts" {
				told = append(told, f.Text)
			}
		}
		if len(told) != 1 || !strings.Contains(told[0], `in "fr" for error, quiet; in "it" for error, quiet:`) {
			t.Errorf("%q", told)
		}
		if body := w.answerIn("en", rp.ErrAnonymous).Body.String(); !strings.Contains(body, ">Sign in</a>") {
			t.Errorf("%s", body)
		}
	})
}

// The German texts of the Example are whole, so that they can be copied.
func TestExampleTextsAreWhole(t *testing.T) {
	for key := range pages.Texts() {
		if germanTexts[key] == "" {
			t.Errorf("germanTexts has no %q", key)
		}
	}
	if len(germanTexts) != len(pages.Texts()) {
		t.Error("germanTexts has keys that no page shows")
	}
}

// Anybody can ask for a page. A frame that fails meanwhile does not let them fill the log.
func TestFailingFrameIsToldWithinBounds(t *testing.T) {
	var broken atomic.Bool
	s := setup{config: func(c *rp.Config) {
		c.Pages.Frame = func(w io.Writer, p pages.Page) error {
			if broken.Load() {
				return errors.New("no template")
			}
			_, err := io.WriteString(w, string(p.Body))
			return err
		}
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		broken.Store(true)
		v := w.visitor("ada")
		for range 100 {
			if a := v.get("/auth/logged-out"); !strings.Contains(a.body, "<style>") {
				t.Fatalf("no plain page: %v", a)
			}
		}
		if n := strings.Count(fmt.Sprint(w.log), "Pages.Frame fails"); n == 0 || n > 20 {
			t.Errorf("%d lines", n)
		}
	})
}
