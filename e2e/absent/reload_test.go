package absent

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/drive"
	"github.com/tandem-sso/tandem/e2e/driver/site"
	"github.com/tandem-sso/tandem/nethttpadapter"
)

// Pages that load themselves, or the next page, again and again.
var reloading = map[string]string{
	"refresh": `<meta http-equiv="refresh" content="0">`,
	"reload":  `<script>addEventListener("load", () => setTimeout(() => location.reload(), 1))</script>`,
	"assign":  `<script>addEventListener("load", () => setTimeout(() => location.assign(location.href), 1))</script>`,
}

func reloadRoutes(mux *http.ServeMux, web *nethttpadapter.Adapter) {
	for name, html := range reloading {
		mux.Handle("GET /"+name, web.RequireLogin(show("<h1>"+name+"</h1>"+html)))
	}
}

// Such pages keep nobody signed in, with back-channel logout and without. What they get
// after the end is a page, and not a redirect that single sign-on would answer. The
// person's click on its link leads to the log-in, and back.
func TestPagesThatLoadThemselves(t *testing.T) {
	each(t, func(t *testing.T, d drive.Driver) {
		w := start(t, options{routes: reloadRoutes})
		b := d.New(t)
		type page struct {
			tab   site.Tab
			title string // of what it shows after the end
		}
		var pages []page
		var loops []string
		for i, app := range []*site.App{w.notes, w.mail} {
			name, title := [...]string{"notes", "mail"}[i],
				[...]string{"You are logged out.", "Are you still there?"}[i]
			tab := b(name)
			w.open(tab, app, "/start")
			for what := range reloading {
				loop := name + "-" + what
				path := "/" + what + "?loop=" + loop
				w.permit(loop, 1)
				tab := b(loop)
				tab.Go(app.URL + path)
				loops = append(loops, "GET "+name+" "+path)
				pages = append(pages, page{tab, title})
			}
		}
		w.absent(w.loops(true, loops...))
		for _, what := range loops {
			found := w.to(what)
			if last := found[len(found)-1]; last.status != http.StatusUnauthorized ||
				!strings.Contains(last.header.Get("Content-Type"), "text/html") {
				t.Errorf("%s: %v", what, last)
			}
		}
		// Another app's log-in does not bring those back who are not there.
		again := b("again")
		w.open(again, w.notes, "/start?again")
		for _, p := range pages {
			if got := p.tab.Text("h1"); got != p.title {
				p.tab.Fail("it says %q, want %q", got, p.title)
			}
		}
		logins := len(w.to("GET mail /auth/login"))
		for i, p := range pages {
			d.Front(p.tab)
			p.tab.Click("a")
			// It may lead over the log-in; what it leads to in the end is the page.
			last := w.next(loops[i])
			for hops := 0; last.class == "" && hops < 2; hops++ {
				last = w.next(loops[i])
			}
			if last.class != "active" {
				t.Errorf("a click leads to %v", last)
			}
		}
		if n := len(w.to("GET mail /auth/login")) - logins; n != 1 {
			t.Errorf("%d log-ins in mail after the clicks, want one", n)
		}
	})
}
