package rp_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"

	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/idps"
)

// An IdP like Amazon Cognito: its log-out is at an address that discovery does not name,
// and has names of its own. The app's form says in which language.
func ExampleLogoutConfig() {
	world := exampletest.Start()
	defer world.Close()
	var ada *http.Cookie
	auth := startNotes(world, func(c *rp.Config) {
		can, _ := idps.Named("cognito") // at the real one it is guessed from the issuer
		c.Capabilities = &can
		c.Logout = rp.LogoutConfig{URL: "https://notes.auth.eu-central-1.example/logout", Form: []string{"lang"}}
	}, func(*rp.RelyingParty) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			ada = r.Cookies()[0]
			fmt.Fprint(w, `<form method="post" action="/auth/logout"><input type="hidden" name="lang" value="de"><button>Log out</button></form>`)
		}
	})
	defer auth.Close()
	world.Person("ada").Visit("/")

	r := httptest.NewRequest("POST", "https://notes.example/auth/logout",
		strings.NewReader(url.Values{"lang": {"de"}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.AddCookie(ada)
	w := httptest.NewRecorder()
	nethttpadapter.New(auth).Endpoints().ServeHTTP(w, r)
	fmt.Println(w.Header().Get("Location"))
	// Output: https://notes.auth.eu-central-1.example/logout?client_id=notes&lang=de&logout_uri=https%3A%2F%2Fnotes.example%2Fauth%2Flogged-out
}
