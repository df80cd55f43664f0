package rptest_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/rptest"
)

// home is a handler of an app.
func home(w http.ResponseWriter, r *http.Request) {
	var person struct {
		Name string `json:"name"`
	}
	_ = rp.FromContext(r.Context()).Claims(&person)
	fmt.Fprintf(w, "Hello %s.", person.Name)
}

// A handler is called by itself, with the session that it would find in production.
func ExampleRequest() {
	example(func(t testing.TB) {
		w := httptest.NewRecorder()
		home(w, rptest.Request(t, httptest.NewRequest("GET", "/", nil), rptest.Session{
			Subject: "ada", Claims: map[string]any{"name": "Ada"},
		}))
		fmt.Println(w.Code, w.Body)
	})
	// Output: 200 Hello Ada.
}

// An app's routes are tested with RequireLogin in front of them: with a session and
// without one.
func ExampleNew() {
	example(func(t testing.TB) {
		auth := rptest.New(t)
		web := nethttpadapter.New(auth.RelyingParty)
		app := http.NewServeMux()
		app.Handle("/auth/", web.Endpoints())
		app.Handle("/", web.RequireLogin(http.HandlerFunc(home)))

		visit := func(r *http.Request) {
			r.Header.Set("Accept", "text/html")
			w := httptest.NewRecorder()
			app.ServeHTTP(w, r)
			fmt.Println(w.Code, w.Body, w.Header().Get("Location"))
		}
		visit(httptest.NewRequest("GET", "/notes", nil))
		visit(auth.Request(httptest.NewRequest("GET", "/notes", nil),
			rptest.Session{Claims: map[string]any{"name": "Ada"}}))
	})
	// Output:
	// 302  /auth/login?return_to=%2Fnotes
	// 200 Hello Ada.
}
