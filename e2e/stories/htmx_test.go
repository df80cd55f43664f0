package stories

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/npm"
	"github.com/tandem-sso/tandem/rp/reason"
)

// The dashboard of the control room's story, with htmx itself: it polls Notes twice a second and
// says so by hx-headers. It is filled, nobody is kept signed in by it, and the page that is
// covered at the end stays where it is.
func TestHTMXDashboard(t *testing.T) {
	t.Parallel()
	path, err := npm.Path("htmx2/dist/htmx.min.js")
	if err != nil {
		t.Fatal(err)
	}
	script, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, short)
	s.signIn(chromium.New(t))
	notes := s.tabs[system.Notes]
	// Notes is no page of htmx: its policy lets nobody parse HTML.
	browser.Call(notes, page.SetBypassCSP, page.SetBypassCSPParams{Enabled: true})
	notes.Reload()
	live(notes)
	browser.Eval[bool](notes, fmt.Sprintf(`(() => {
		const config = document.createElement("meta");
		config.name = "htmx-config";
		config.content = JSON.stringify({includeIndicatorStyles: false, allowEval: false});
		document.head.append(config);
		%s
		const board = document.createElement("div");
		board.id = "board";
		for (const [name, v] of Object.entries({get: "/board", trigger: "every 500ms", headers: JSON.stringify({"Tandem-Activity": "passive"})}))
			board.setAttribute("hx-" + name, v);
		document.body.append(board);
		htmx.process(board);
		return true;
	})()`, script))
	notes.WaitText("#board", "None yet")
	s.endsWith(system.Notes, reason.BackchannelLogout)
	if got := browser.Eval[string](notes, "location.pathname"); got != "/private" {
		t.Errorf("the poll has led to %s", got)
	}
	polls := 0
	for _, e := range s.demo.Log.Read(0).Events {
		switch {
		case strings.Contains(e.Text, "GET /board") && e.Kind == system.Passive:
			polls++
		case strings.Contains(e.Text, "GET /board"):
			t.Errorf("a poll counted as %s: %s", e.Kind, e.Text)
		}
	}
	if polls < 4 {
		t.Errorf("%d polls in a window", polls)
	}
}
