// Package firefox_test is what people see in Firefox, beside what e2e/page and e2e/absent
// hold in both browsers.
package firefox_test

import (
	"os"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/firefox"
)

var process firefox.Process

func TestMain(m *testing.M) {
	code := m.Run()
	process.Close()
	os.Exit(code)
}
