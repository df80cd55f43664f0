package idptest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/idp-mock/memnet"
)

// echo tells what a browser says of a request, and which cookies it has sent.
func echo(w http.ResponseWriter, r *http.Request) {
	says := []string{r.Method}
	for _, name := range []string{"Sec-Fetch-Site", "Sec-Fetch-Mode", "Sec-Fetch-Dest", "Sec-Fetch-User", "Origin",
		"Cookie"} {
		if v := strings.Join(r.Header.Values(name), "; "); v != "" {
			says = append(says, v)
		}
	}
	fmt.Fprint(w, strings.Join(says, " "))
}

// sites are an app with a cookie of each kind, a neighbour of its, and another site.
func sites(t testing.TB) *idptest.Browser {
	t.Helper()
	network := memnet.New()
	t.Cleanup(network.Close)
	to := func(url string, status int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, url, status) }
	}
	app, other := http.NewServeMux(), http.NewServeMux()
	app.HandleFunc("/echo", echo)
	app.HandleFunc("/here", to("/echo", http.StatusFound))
	app.HandleFunc("/away", to("https://other.test/back", http.StatusFound))
	app.HandleFunc("/keep", to("/echo", http.StatusTemporaryRedirect))
	app.HandleFunc("/cookies", func(w http.ResponseWriter, r *http.Request) {
		for name, mode := range map[string]http.SameSite{"s": http.SameSiteStrictMode, "l": http.SameSiteLaxMode,
			"d": http.SameSiteDefaultMode, "n": http.SameSiteNoneMode} {
			http.SetCookie(w, &http.Cookie{Name: name, Value: "1", Path: "/", Secure: true, SameSite: mode})
		}
	})
	app.HandleFunc("/form", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<script>"<form action=/never>"</script><!-- <form action=/never> --><form id=f method='post' action="/got?x=1"><INPUT type=hidden name=tx value="a&amp;b"><input name=user>
			<input type=checkbox name=off value=1><input type=checkbox name=on value=1 checked>
			<button type=button name=not value=1>…</button><button name=say value=yes>Yes</button><button name=else value=no>No</button>
			<noscript><input name=never></noscript></form><textarea name=far form="f">a &lt; b</textarea><input name=other form=g><input name=none>
			<form action="/never"><input name=second></form>`)
	})
	app.HandleFunc("/got", func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		fmt.Fprint(w, r.PostForm.Encode())
	})
	app.HandleFunc("/again", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<form method=post><input name=user></form>`)
	})
	app.HandleFunc("/circle", to("/circle", http.StatusFound))
	other.HandleFunc("/echo", echo)
	other.HandleFunc("/back", to("https://app.test/echo", http.StatusFound))
	other.HandleFunc("/post", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `<form method="post" action="https://app.test/echo"></form><script nonce="x">document.forms[0].submit()</script>`)
	})
	for host, h := range map[string]http.Handler{"app.test": app, "www.app.test": app, "other.test": other} {
		stop, err := network.Serve(host, h)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(stop)
	}
	b := idptest.NewBrowser(t, network.Transport())
	b.Base = "https://app.test"
	return b
}

// What Chromium and Firefox say, as e2e/fetchmetadata has measured it.
func TestFetchMetadata(t *testing.T) {
	b := sites(t)
	app, other := b.At("/"), b.At("https://other.test/")
	for _, c := range []struct {
		what, want string
		got        *idptest.Page
	}{
		{"an address that is typed", "GET none navigate document ?1", b.Open("/echo")},
		{"a redirect of it", "GET none navigate document ?1", b.Open("/here")},
		{"by way of another site", "GET none navigate document ?1", b.Open("/away")},
		{"a link", "GET same-origin navigate document ?1", app.Follow("/echo")},
		{"a link that leads by way of another site", "GET cross-site navigate document ?1", app.Follow("/away")},
		{"a link of another site", "GET cross-site navigate document ?1", other.Follow("https://app.test/here")},
		{"a link of a neighbour", "GET same-site navigate document ?1",
			b.At("https://www.app.test/").Follow("https://app.test/echo")},
		{"a link to a page without TLS", "GET", b.At("https://www.app.test/").Follow("http://app.test/echo")},
		{"a form", "POST same-origin navigate document ?1 https://app.test", b.Post("/echo", nil)},
		{"a form that is redirected", "GET same-origin navigate document ?1", app.Post("/here", nil)},
		{"a form that is redirected with its fields", "POST same-origin navigate document ?1 https://app.test",
			app.Post("/keep", nil)},
		{"a form of another site", "POST cross-site navigate document ?1 https://other.test",
			other.Post("https://app.test/echo", nil)},
		{"a form that a script submits", "POST cross-site navigate document https://other.test",
			b.Open("https://other.test/post")},
		{"a script", "GET same-origin cors empty", app.Fetch("GET", "/echo")},
		{"a script that posts", "POST same-origin cors empty https://app.test",
			app.Send("POST", "/echo", strings.NewReader("x=1"))},
		{"a script of another site", "GET cross-site cors empty https://other.test",
			other.Fetch("GET", "https://app.test/echo")},
		{"an image", "GET same-origin no-cors image", app.Load("image", "/echo")},
		{"a frame", "GET cross-site navigate iframe", other.Load("iframe", "https://app.test/here")},
	} {
		if c.got.Body != c.want {
			t.Errorf("%s: %q, want %q", c.what, c.got.Body, c.want)
		}
	}
	if p := b.Hop("/here"); p.Status != http.StatusFound || p.To.String() != "https://app.test/echo" {
		t.Errorf("one hop: %s", p)
	}
	if p := b.Fetch("GET", "/here"); p.Status != http.StatusFound || p.To.String() != "https://app.test/echo" {
		t.Errorf("a script's redirect is followed: %s", p)
	}
}

// Cookies go along as their SameSite attribute says.
func TestSameSite(t *testing.T) {
	b := sites(t)
	b.Open("/cookies")
	app, other := b.At("/"), b.At("https://other.test/")
	for _, c := range []struct {
		what, want string
		got        *idptest.Page
	}{
		{"an address that is typed", "d l n s", b.Open("/echo")},
		{"a script", "d l n s", app.Fetch("GET", "/echo")},
		{"a form of a neighbour", "d l n s", b.At("https://www.app.test/").Post("https://app.test/echo", nil)},
		{"a link of another site", "d l n", other.Follow("https://app.test/echo")},
		{"a form of another site", "n", other.Post("https://app.test/echo", nil)},
		{"a form that a script submits", "n", b.Open("https://other.test/post")},
		{"a script of another site", "n", other.Fetch("GET", "https://app.test/echo")},
		{"an image on another site", "n", other.Load("image", "https://app.test/echo")},
		{"a frame on another site", "n", other.Load("iframe", "https://app.test/echo")},
		{"another site's own", "", other.Follow("/echo")},
	} {
		var got []string
		for _, name := range []string{"d", "l", "n", "s"} {
			if strings.Contains(c.got.Body, name+"=1") {
				got = append(got, name)
			}
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: cookies %q, want %q", c.what, got, c.want)
		}
	}
	b.SetCookie("/", &http.Cookie{Name: "n", Value: "1", Path: "/", Secure: true, SameSite: http.SameSiteStrictMode})
	if p := other.Fetch("GET", "https://app.test/echo"); strings.Contains(p.Body, "n=1") {
		t.Errorf("a cookie that has become strict: %s", p)
	}
	b.SetCookie("/", &http.Cookie{Name: "n", Path: "/", MaxAge: -1})
	if got := b.Cookie("/", "n") + b.Cookie("https://other.test", "l"); got != "" || b.Cookie("/", "l") != "1" {
		t.Errorf("the jar: %v", b.Cookies("/"))
	}
}

// The first form, its fields, and the button that is pressed.
func TestSubmit(t *testing.T) {
	b := sites(t)
	b.Fill = url.Values{"user": {"ada"}, "tx": {"never"}}
	page := b.Open("/form")
	for _, c := range []struct {
		got  *idptest.Page
		want string
	}{
		{page.Submit(), "far=a+%3C+b&on=1&say=yes&tx=a%26b&user=ada"},
		{page.Submit("else", "no", "user", "eve"), "else=no&far=a+%3C+b&on=1&tx=a%26b&user=eve"},
		{page.SignIn(), "far=a+%3C+b&on=1&say=yes&tx=a%26b&user=ada"},
	} {
		if c.got.Body != c.want {
			t.Errorf("got  %s\nwant %s", c.got.Body, c.want)
		}
	}
	if hops := page.SignIn().Hops; len(hops) != 2 || hops[1] != "https://app.test/got?x=1" {
		t.Errorf("%q", hops)
	}
}

// A browser that stops shows where it was sent.
func TestStop(t *testing.T) {
	b := sites(t)
	b.Stop = func(u *url.URL) bool { return u.Host == "app.test" && u.Path == "/echo" }
	for _, from := range []string{"/away", "/here", "https://other.test/post"} {
		if p := b.Open(from); p.To == nil || p.To.Host+p.To.Path != "app.test/echo" {
			t.Errorf("%s: %s", from, p)
		}
	}
}

// A browser on the machine's own network takes *.localhost for this machine, and its
// Secure cookies over http.
func TestLoopback(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "__Host-id", Value: "7", Path: "/", Secure: true})
		echo(w, r)
	}))
	defer s.Close()
	b := idptest.NewBrowser(t, nil)
	b.Base = strings.Replace(s.URL, "127.0.0.1", "notes.localhost", 1)
	b.Open("/")
	if p := b.Open("/"); p.Body != "GET none navigate document ?1 __Host-id=7" {
		t.Errorf("%s", p)
	}
	if c := b.Cookies("http://elsewhere.example/"); len(c) != 0 {
		t.Errorf("cookies for another host: %v", c)
	}
}

// Whoever cannot go on says where it is.
func TestBrowserFails(t *testing.T) {
	for want, act := range map[string]func(*idptest.Browser){
		"no form on the page: 200 at https://app.test/echo": func(b *idptest.Browser) { b.Open("/echo").Submit() },
		"redirected in circles":                             func(b *idptest.Browser) { b.Open("/circle") },
		"connection refused": func(b *idptest.Browser) {
			b.Open("https://nobody.test/")
		},
		`"https://[" is no URL`: func(b *idptest.Browser) { b.Open("https://[") },
		"comes again and again": func(b *idptest.Browser) {
			b.Fill = url.Values{"user": {"ada"}}
			b.Visit("/again")
		},
	} {
		r := &recorder{TB: t}
		b := sites(r)
		done := make(chan struct{})
		go func() { defer close(done); act(b) }()
		<-done
		if said := strings.Join(r.said, "\n"); !strings.Contains(said, want) {
			t.Errorf("%q, want %q", said, want)
		}
	}
}

// The provider's own pages: sign-in with a password, sign-out, and the form that it posts.
func TestAtTheProvider(t *testing.T) {
	const app = "https://notes.example"
	s := idptest.StartMem(t, idptest.WithClients(idpmock.Client{ID: "notes",
		RedirectURIs: []string{app + "/callback"}}),
		idptest.WithUsers(idpmock.User{Username: "ada", Password: "hunter2"}))
	stop, err := s.Net.Serve("notes.example", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, r.Method, " ", r.FormValue("code") != "", " ", r.Header.Get("Sec-Fetch-Site"))
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	b := s.NewBrowser("ada")
	to := s.URL + idpmock.PathAuthorize + "?" + url.Values{"client_id": {"notes"}, "redirect_uri": {app + "/callback"},
		"response_type": {"code"}, "scope": {"openid"},
		"code_challenge": {strings.Repeat("a", 43)}, "code_challenge_method": {"S256"}}.Encode()
	if p := b.At(app).Follow(to).SignIn(); p.Body != "GET true cross-site" {
		t.Fatalf("the log-in: %s", p)
	}
	if p := b.At(app).Follow(to + "&response_mode=form_post"); p.Body != "POST true cross-site" {
		t.Errorf("the posted answer, without another sign-in: %s", p)
	}
	if b.Open(s.URL + idpmock.PathEndSession).Submit(); len(s.Sessions()) != 0 {
		t.Errorf("not signed out: %v", s.Sessions())
	}
}
