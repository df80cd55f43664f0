package rp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// browse asks one of the library's own endpoints as a browser would.
func browse(auth *rp.RelyingParty, method, path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://notes.example"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w := httptest.NewRecorder()
	nethttpadapter.New(auth).Endpoints().ServeHTTP(w, r)
	return w
}

// Sign in with Apple: the IdP posts its answer from its own site.
func ExampleConfig_responseMode() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, func(c *rp.Config) { c.ResponseMode = "form_post" }, welcome)
	defer auth.Close()

	to, _ := url.Parse(browse(auth, "GET", "/auth/login", nil).Header().Get("Location"))
	fmt.Println(to.Query().Get("response_mode"))
	// What the IdP's site posts brings no cookie. The answer is a page that posts it once
	// more, from this app's own origin.
	w := browse(auth, "POST", "/auth/callback", url.Values{"state": {to.Query().Get("state")}, "code": {"x"}})
	fmt.Println(w.Code, strings.Contains(w.Body.String(), `action="/auth/callback"`))
	// Output:
	// form_post
	// 200 true
}

// A tile on the IdP's start page begins the log-in; initiate_login_uri is
// https://notes.example/auth/login there.
func ExampleConfig_thirdPartyLogin() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, func(c *rp.Config) { c.ThirdPartyLogin = true }, welcome)
	defer auth.Close()

	w := browse(auth, "POST", "/auth/login", url.Values{"iss": {"https://idp.example"}, "login_hint": {"ada"},
		"target_link_uri": {"https://notes.example/inbox"}})
	w = browse(auth, "GET", w.Header().Get("Location"), nil) // a form leads to the same by GET
	to, _ := url.Parse(w.Header().Get("Location"))
	fmt.Println(w.Code, to.Host, to.Query().Get("login_hint"))
	fmt.Println(browse(auth, "GET", "/auth/login?iss=https%3A%2F%2Fother.example", nil).Code)
	// Output:
	// 302 idp.example ada
	// 400
}

// A page of an app that routes by the part behind #: the log-in begins with a page that
// adds it to its own address.
func ExampleConfig_keepFragments() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, func(c *rp.Config) { c.KeepFragments = true }, welcome)
	defer auth.Close()

	fmt.Println(browse(auth, "GET", "/auth/login?return_to=/notes", nil).Code)
	// then to the IdP, and back to /notes#7
	fmt.Println(browse(auth, "GET", "/auth/login?return_to=/notes&fragment=7", nil).Code)
	// Output:
	// 200
	// 302
}

// A form that is sent when the session has ended is not lost.
func ExampleConfig_keepPosted() {
	world := exampletest.Start()
	defer world.Close()
	var ada *http.Cookie
	auth := startNotes(world, func(c *rp.Config) { c.KeepPosted = true }, func(*rp.RelyingParty) http.HandlerFunc {
		return func(_ http.ResponseWriter, r *http.Request) { ada = r.Cookies()[0] }
	})
	defer auth.Close()
	world.Person("ada").Visit("/")
	_, _ = auth.EndSessions(context.Background(), rp.Whose{Subject: "ada"})

	r := httptest.NewRequest("POST", "https://notes.example/save", strings.NewReader("text=a+long+letter"))
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.AddCookie(ada)
	_, err := auth.Authenticate(r)
	answer := auth.Answer(r, err) // what RequireLogin writes
	fmt.Println(answer.Status, strings.Contains(string(answer.Body), "waits in this tab"))
	// Output: 401 true
}
