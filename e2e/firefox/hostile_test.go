package firefox_test

import (
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/site"
)

// No content of a page, short of a script, keeps it readable after the end.
func TestHostileContent(t *testing.T) {
	for _, a := range site.Attacks() {
		t.Run(a.Name, func(t *testing.T) {
			site.Attacked(t, a.Content).Withstand(process.New(t).Tab(a.Name), a)
		})
	}
}

func TestNoSecretIsKept(t *testing.T) {
	site.Attacked(t, site.Fields()).KeepsNoSecret(process.New(t).Tab("notes"))
}
