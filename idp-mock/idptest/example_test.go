package idptest_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

// A test starts a provider, which stops with the test; somebody signs in at the app, and
// the provider has a session, which ends when its clock is moved.
func Example() {
	example(func(t testing.TB) {
		idp := idptest.StartMem(t, idptest.WithClients(idpmock.Client{ID: "notes",
			RedirectURIs: []string{"https://notes.example/callback"}}))
		stop, err := idp.Net.Serve("notes.example", app(idp.URL)) // the app under test
		if err != nil {
			t.Fatal(err)
		}
		defer stop()

		idp.NewBrowser("ada").Visit("https://notes.example/notes")
		fmt.Println(len(idp.Sessions()), "session")
		idp.Advance(16 * time.Minute)
		fmt.Println(len(idp.Sessions()), "sessions 16 minutes later")
	})
	// Output:
	// 1 session
	// 0 sessions 16 minutes later
}

// A test of an app plays a person with a browser, and another site that tries something.
func ExampleBrowser() {
	example(func(t testing.TB) {
		idp := idptest.StartMem(t, idptest.WithClients(idpmock.Client{ID: "notes",
			RedirectURIs: []string{"https://notes.example/callback"}}))
		stop, err := idp.Net.Serve("notes.example", app(idp.URL)) // the app under test
		if err != nil {
			t.Fatal(err)
		}
		defer stop()

		ada := idp.NewBrowser("ada")
		ada.Base = "https://notes.example"
		fmt.Println(ada.Visit("/notes").Body) // signs in at the provider on the way
		fmt.Println(ada.Fetch("GET", "/whoami").Body)
		fmt.Println(ada.At("https://evil.example/").Post("https://notes.example/notes",
			url.Values{"text": {"spam"}}).Status)
	})
	// Output:
	// notes of a person who came by cross-site navigate
	// somebody who came by same-origin cors
	// 403
}

// app keeps no session: it shows what an app sees of a browser.
func app(issuer string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /notes", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, issuer+idpmock.PathAuthorize+"?"+url.Values{"client_id": {"notes"},
			"response_type": {"code"}, "scope": {"openid"},
			"redirect_uri": {"https://notes.example/callback"}, "code_challenge_method": {"S256"},
			"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}}.Encode(), http.StatusFound)
	})
	show := func(who string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, who, " who came by ", r.Header.Get("Sec-Fetch-Site"), " ", r.Header.Get("Sec-Fetch-Mode"))
		}
	}
	mux.HandleFunc("GET /callback", show("notes of a person"))
	mux.HandleFunc("GET /whoami", show("somebody"))
	return http.NewCrossOriginProtection().Handler(mux)
}

// example gives an Example what only a test has.
func example(f func(testing.TB)) {
	t := &exampleT{}
	defer t.cleanUp()
	f(t)
}

type exampleT struct {
	testing.TB
	cleanups []func()
}

func (t *exampleT) Helper()                   {}
func (t *exampleT) Cleanup(f func())          { t.cleanups = append(t.cleanups, f) }
func (t *exampleT) Fatal(a ...any)            { panic(fmt.Sprint(a...)) }
func (t *exampleT) Fatalf(f string, a ...any) { panic(fmt.Sprintf(f, a...)) }
func (t *exampleT) cleanUp() {
	for i := len(t.cleanups) - 1; i >= 0; i-- {
		t.cleanups[i]()
	}
}
