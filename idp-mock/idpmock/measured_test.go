package idpmock_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// run are the providers that make interop runs, with what their guides (docs/idp) and the lane
// set there and the temperament has otherwise.
var run = map[string]struct {
	like string
	set  func(*idpmock.Temperament)
}{
	"oidc-provider": {"oidc-provider", func(t *idpmock.Temperament) {
		t.RefreshToken = idpmock.RefreshAlways // issueRefreshToken
		t.Rotation = idpmock.RotationStrict    // rotateRefreshToken
	}},
	"Hydra": {"hydra", func(*idpmock.Temperament) {}},
	"Dex": {"dex", func(t *idpmock.Temperament) {
		t.NoProof = []idpmock.Endpoint{idpmock.EndpointUserinfo} // refreshTokenLifetime: session
		t.ReuseGrace = 30 * time.Second                          // reuseInterval
	}},
	"Keycloak": {"keycloak", func(*idpmock.Temperament) {}},
	"Spring Authorization Server": {"spring-authorization-server", func(t *idpmock.Temperament) {
		t.Rotation = idpmock.RotationStrict // reuseRefreshTokens(false)
	}},
}

// What make interop has measured at real providers (docs/interop.md) is what their temperaments
// do.
func TestAsMeasured(t *testing.T) {
	page, err := os.ReadFile("../../docs/interop.md")
	if err != nil {
		t.Fatal(err)
	}
	said := table(string(page))
	for provider, is := range run {
		like(t, is.like, func(c *idpmock.Config) {
			is.set(&c.Temperament)
			c.Clients[0].AccessTokenLifetime, c.Clients[0].BackchannelSessionRequired = time.Hour, true
		}, func(t *testing.T, w *world) {
			for row, measure := range measures {
				cell := said[row][provider]
				want := ""
				for _, one := range measure.says {
					if strings.Contains(cell, one) {
						want = one
						break
					}
				}
				if want == "" {
					t.Errorf("%s: docs/interop.md has %q, want one of %q", row, cell, measure.says)
				} else if got := measure.look(w); got != want {
					t.Errorf("%s: here %q, there %q", row, got, want)
				}
			}
		})
	}
}

// table reads the cells of a table, by row and column.
func table(page string) map[string]map[string]string {
	said, head := map[string]map[string]string{}, []string(nil)
	for line := range strings.Lines(page) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if head == nil {
			head = cells
			continue
		}
		said[cells[0]] = map[string]string{}
		for i := 1; i < min(len(cells), len(head)); i++ {
			said[cells[0]][head[i]] = cells[i]
		}
	}
	return said
}

// measures are the rows of the page that a temperament decides: what a cell may say, the longer
// text first, and how it shows here.
var measures = map[string]struct {
	says []string
	look func(*world) string
}{
	"a refresh extends its session": {[]string{"yes", "no"}, func(w *world) string {
		return w.extended(func(tok *answer) bool {
			next := w.refresh("notes", tok.text("refresh_token"))
			if next.text("refresh_token") != "" {
				*tok = next
			}
			return next.status == http.StatusOK
		})
	}},
	"userinfo extends its session": {[]string{"yes", "no"}, func(w *world) string {
		return w.extended(func(tok *answer) bool {
			return w.userinfo(tok.text("access_token")).status == http.StatusOK
		})
	}},
	"after its session has run out": {ends(), func(w *world) string {
		before := len(w.deliveries("notes"))
		tok := w.logInForRefresh(w.Browser("ada"), "notes")
		time.Sleep(w.Config().IdleWindow + 20*time.Second)
		how := func(a answer) string {
			if a.status == http.StatusOK {
				return "succeeds"
			}
			return "refused"
		}
		userinfo := how(w.userinfo(tok.text("access_token")))
		refresh := how(w.refresh("notes", tok.text("refresh_token")))
		w.Settle()
		return ending(refresh, userinfo, len(w.deliveries("notes")) > before)
	}},
	"a bare client, at a log-out there": {[]string{"no logout token", "logout token"}, func(w *world) string {
		before := len(w.deliveries("notes"))
		b := w.Browser("ada")
		hint := url.Values{"id_token_hint": {w.logInForRefresh(b, "notes").text("id_token")}}
		if _, err := b.Logout(w.t.Context(), w.URL+idpmock.PathEndSession+"?"+hint.Encode()); err != nil {
			w.t.Error(err)
		}
		w.Settle()
		if len(w.deliveries("notes")) > before {
			return "logout token"
		}
		return "no logout token"
	}},
	"a refresh brings a new refresh token": {[]string{"yes, but not at once", "yes", "no"}, func(w *world) string {
		first := w.logInForRefresh(w.Browser("ada"), "notes").text("refresh_token")
		next := w.refresh("notes", first).text("refresh_token")
		if next != first && next != "" {
			return "yes"
		}
		time.Sleep(w.Config().IdleWindow * 2 / 3)
		if last := w.refresh("notes", first).text("refresh_token"); last != first && last != "" {
			return "yes, but not at once"
		}
		return "no"
	}},
	"its check_session_iframe": {[]string{"has none", "unchanged"}, func(w *world) string {
		if w.Config().Temperament.Has("check_session_iframe") {
			return "unchanged"
		}
		return "has none"
	}},
	"control room, client with refresh token": {[]string{"sid yes", "sid no"}, func(w *world) string {
		_, id := peek(w.t, w.logInForRefresh(w.Browser("ada"), "notes").text("id_token"))
		if id["sid"] != nil {
			return "sid yes"
		}
		return "sid no"
	}},
}

// extended calls every third of W, and says whether the session lives after more than W.
func (w *world) extended(call func(*answer) bool) string {
	b := w.Browser("ada")
	tok := w.logInForRefresh(b, "notes")
	for range 4 {
		time.Sleep(w.Config().IdleWindow / 3)
		call(&tok)
	}
	if _, err := b.Session(); err != nil {
		return "no"
	}
	return "yes"
}

func ending(refresh, userinfo string, told bool) string {
	return fmt.Sprintf("refresh %s, userinfo %s; logout token: %s", refresh, userinfo,
		map[bool]string{false: "no", true: "yes"}[told])
}

func ends() (all []string) {
	for _, refresh := range []string{"refused", "succeeds"} {
		for _, userinfo := range []string{"refused", "succeeds"} {
			all = append(all, ending(refresh, userinfo, false), ending(refresh, userinfo, true))
		}
	}
	return all
}
