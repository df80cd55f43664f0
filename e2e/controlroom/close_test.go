package controlroom_test

import (
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
)

// Ctrl-C with open tabs: event streams and idle connections end at once, so the
// demo does, too.
func TestItEndsAtOnce(t *testing.T) {
	room := start(t)
	b := chromium.New(t)
	tab := b.Open("room", room.URL())
	tab.WaitText("#cards", "not signed in")
	for i, id := range system.Apps() {
		app := b.Open(id, room.System.App(id).URL()+"/private")
		if i == 0 {
			app.WaitURL(room.System.IDP.Issuer())
			app.Type("#username", "ada")
			app.Click("#signin")
		}
		app.WaitURL(room.System.App(id).URL() + "/private")
	}
	tab.WaitText(card("wiki"), "is signed in")
	browser.Eval[bool](tab, "window.untouched = true")

	// A browser keeps a connection in reserve that it has sent nothing on yet.
	for _, url := range []string{room.URL(), room.System.IDP.Issuer(), room.System.App(system.Notes).URL()} {
		c, err := net.Dial("tcp", "127.0.0.1"+url[strings.LastIndexByte(url, ':'):])
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}

	begun := time.Now()
	if err := room.Close(); err != nil {
		t.Error(err)
	}
	took := time.Since(begun)
	t.Logf("closed after %v", took)
	if took > time.Second {
		t.Errorf("the demo took %v to end", took)
	}
	tab.Wait("document.body.classList.contains('offline')")
}
