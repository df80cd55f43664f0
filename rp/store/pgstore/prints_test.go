package pgstore_test

import (
	"testing"

	"github.com/tandem-sso/tandem/internal/printtest"
	"github.com/tandem-sso/tandem/rp/store/pgstore"
)

const plantedPassword = "the-password-that-is-planted-here"

// A server that cannot be reached, or a URL that is none, puts no password into an
// error. (Options hold none, and a Store keeps what it was given in its pool.)
func TestErrorsHideThePassword(t *testing.T) {
	planted := printtest.Secrets{"password": plantedPassword}
	for _, url := range []string{
		"postgres://ada:" + plantedPassword + "@127.0.0.1:1/db", "postgres://ada:" + plantedPassword +
			"@127.0.0.1:x/db",
		"host=127.0.0.1 port=1 user=ada password=" + plantedPassword, "host=127.0.0.1 port=x password=" +
			plantedPassword,
		"postgres://ada:" + plantedPassword + "%zz@127.0.0.1:1/db",
	} {
		for _, o := range []pgstore.Options{{}, {Migrate: true}} {
			_, err := pgstore.Open(t.Context(), url, o)
			if err == nil {
				t.Fatalf("%s: open", url)
			}
			printtest.Check(t, url, planted, err)
		}
	}
}
