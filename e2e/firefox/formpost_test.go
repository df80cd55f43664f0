package firefox_test

import (
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/site"
)

// The IdP posts its answer from its own site (Apple, Entra ID). Chromium's is
// TestFormsAcrossSites of e2e/page.
func TestFormPost(t *testing.T) {
	site.Posting(t).FormPost(process.New(t).Tab("notes"))
}
