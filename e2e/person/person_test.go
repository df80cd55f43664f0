package person_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/person"
)

func serve(t *testing.T) string {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /in", func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "__Host-id", Value: "7", Path: "/", Secure: true})
		fmt.Fprint(w, `<form method=post action="/do?x=1"><input type=hidden name=tx value="a&amp;b"><input name=user>
			<input type=checkbox name=off value=1><input type=checkbox name=on value=1 checked>
			<button name=action value=yes>Yes</button><button name=action value=no>No</button></form>`)
	})
	mux.HandleFunc("POST /do", func(w http.ResponseWriter, r *http.Request) {
		r.ParseForm()
		http.Redirect(w, r, "/out?"+r.PostForm.Encode()+"&site="+r.Header.Get("Sec-Fetch-Site")+"&origin="+url.QueryEscape(r.Header.Get("Origin")), http.StatusSeeOther)
	})
	mux.HandleFunc("GET /out", func(w http.ResponseWriter, r *http.Request) {
		c, _ := r.Cookie("__Host-id")
		fmt.Fprint(w, c, " ", r.URL.RawQuery)
	})
	mux.HandleFunc("GET /circle", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/circle", http.StatusFound) })
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

func TestSubmit(t *testing.T) {
	base := serve(t)
	p := person.New(t, nil)
	p.Filled = url.Values{"user": {"ada"}}
	page := p.Submit(p.Go(base + "/in"))
	want := "__Host-id=7 action=yes&on=1&tx=a%26b&user=ada&site=same-origin&origin=" + url.QueryEscape(base)
	if page.Body != want {
		t.Errorf("got  %s\nwant %s", page.Body, want)
	}
	if len(page.Hops) != 2 || !strings.HasPrefix(page.Hops[1], base+"/out") {
		t.Errorf("hops: %q", page.Hops)
	}
	if page := p.Fetch("GET", base+"/circle"); page.Status != http.StatusFound {
		t.Errorf("a script has followed a redirect: %s", page)
	}
}

func TestLocalhostNames(t *testing.T) {
	base := strings.Replace(serve(t), "127.0.0.1", "notes.localhost", 1)
	p := person.New(t, nil)
	p.Go(base + "/in")
	if page := p.Go(base + "/out"); !strings.HasPrefix(page.Body, "__Host-id=7") {
		t.Errorf("the Secure cookie did not come back over loopback: %s", page)
	}
	if cookies := p.Cookies("http://elsewhere.example/"); len(cookies) != 0 {
		t.Errorf("cookies for another host: %v", cookies)
	}
}
