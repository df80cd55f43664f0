package badinput

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp"
)

// A cookie that nobody has given out is no cookie: anonymous, never 500, and no
// hint whether it was close.
func TestUnknownCookieIsAnonymous(t *testing.T) {
	each(t, func(x target) {
		p := x.signedIn("ada")
		real := x.session(p)
		if len(real) != 43 {
			x.Fatalf("the session cookie: %q", real)
		}
		flipped := "A"
		if real[0] == 'A' {
			flipped = "B"
		}
		for name, header := range map[string][]string{
			"unknown":         {cookieName + "=" + strings.Repeat("A", 43)},
			"one letter off":  {cookieName + "=" + flipped + real[1:]},
			"shortened":       {cookieName + "=" + real[:42]},
			"prolonged":       {cookieName + "=" + real + "A"},
			"quoted":          {cookieName + `="` + real + `"`},
			"empty":           {cookieName + "="},
			"no equals":       {cookieName},
			"huge":            {cookieName + "=" + strings.Repeat("A", 32<<10)},
			"not ASCII":       {cookieName + "=" + strings.Repeat("ä", 20) + "\x80\xff"},
			"path":            {cookieName + "=../../../../../../../../etc/passwd/............."},
			"other case":      {strings.ToLower(cookieName) + "=" + real},
			"without __Host-": {"app=" + real},
			"many":            {strings.Repeat(cookieName+"="+strings.Repeat("A", 43)+"; ", 400)},
			"several lines":   {cookieName + "=x", ";;;==;", cookieName + "=y"},
		} {
			h := func(mode string) http.Header {
				return http.Header{"Cookie": header, "Sec-Fetch-Mode": {mode}}
			}
			resp := x.raw(http.MethodGet, "/auth/session", "", h("cors"))
			var s rp.Status
			if err := json.NewDecoder(resp.Body).Decode(&s); err != nil || resp.StatusCode != http.StatusOK ||
				s.State != "anonymous" || s.Subject != "" {
				x.Errorf("%s: status %d %+v (%v)", name, resp.StatusCode, s, err)
			}
			if resp := x.raw(http.MethodGet, "/me", "", h("cors")); resp.StatusCode != http.StatusUnauthorized {
				x.Errorf("%s: /me answered %d", name, resp.StatusCode)
			}
			resp = x.raw(http.MethodGet, "/private", "", h("navigate"))
			if to := resp.Header.Get("Location"); resp.StatusCode != http.StatusFound ||
				!strings.HasPrefix(to, "/auth/login") {
				x.Errorf("%s: /private answered %d to %q", name, resp.StatusCode, to)
			}
			if resp := x.raw(http.MethodGet, "/auth/events", "",
				h("cors")); resp.StatusCode != http.StatusUnauthorized {
				x.Errorf("%s: /auth/events answered %d", name, resp.StatusCode)
			}
			if resp := x.raw(http.MethodPost, "/auth/activity", "",
				h("cors")); resp.StatusCode != http.StatusUnauthorized {
				x.Errorf("%s: /auth/activity answered %d", name, resp.StatusCode)
			}
			if resp := x.raw(http.MethodGet, "/", "", h("navigate")); resp.StatusCode != http.StatusOK {
				x.Errorf("%s: the public page answered %d", name, resp.StatusCode)
			}
		}
		x.live(p)
	})
}

// Another site can neither log a person out nor keep them in.
func TestOtherSitesAreRefused(t *testing.T) {
	each(t, func(x target) {
		p := x.signedIn("ada")
		cookie := cookieName + "=" + x.session(p)
		for name, h := range map[string]http.Header{
			"fetch metadata":     {"Sec-Fetch-Site": {"cross-site"}, "Sec-Fetch-Mode": {"navigate"}},
			"same site":          {"Sec-Fetch-Site": {"same-site"}, "Sec-Fetch-Mode": {"navigate"}},
			"origin":             {"Origin": {"https://evil.example"}},
			"null origin":        {"Origin": {"null"}},
			"origin of the host": {"Origin": {x.url + ".evil.example"}},
		} {
			h.Set("Cookie", cookie)
			for _, path := range []string{"/auth/logout", "/auth/activity"} {
				if resp := x.raw(http.MethodPost, path, "", h); resp.StatusCode != http.StatusForbidden {
					x.Errorf("%s: POST %s answered %d", name, path, resp.StatusCode)
				}
			}
		}
		// A GET, which an image can send, logs nobody out.
		if resp := x.raw(http.MethodGet, "/auth/logout", "",
			http.Header{"Cookie": {cookie}}); resp.StatusCode != http.StatusMethodNotAllowed {
			x.Errorf("GET /auth/logout answered %d", resp.StatusCode)
		}
		x.live(p)
	})
}

// Whatever is posted to the back channel without the IdP's signature ends
// nothing and says so with 400 (OpenID Connect Back-Channel Logout 1.0 §2.8).
func TestJunkLogoutTokens(t *testing.T) {
	each(t, func(x target) {
		p := x.signedIn("ada")
		form := "application/x-www-form-urlencoded"
		for name, c := range map[string]struct{ kind, body string }{
			"nothing":       {form, ""},
			"not a token":   {form, "logout_token=abc"},
			"alg none":      {form, "logout_token=eyJhbGciOiJub25lIiwidHlwIjoibG9nb3V0K2p3dCJ9.eyJzdWIiOiJhZGEifQ."},
			"twice":         {form, "logout_token=a&logout_token=b"},
			"json":          {"application/json", `{"logout_token":"a"}`},
			"bad escape":    {form, "logout_token=%zz"},
			"enormous":      {form, "logout_token=" + strings.Repeat("A", 100<<10)},
			"without type":  {"", "logout_token=abc"},
			"in the URL":    {form, ""},
			"many segments": {form, "logout_token=" + strings.Repeat(".", 4096)},
		} {
			path := "/auth/backchannel-logout"
			if name == "in the URL" {
				path += "?logout_token=abc"
			}
			h := http.Header{}
			if c.kind != "" {
				h.Set("Content-Type", c.kind)
			}
			resp := x.raw(http.MethodPost, path, c.body, h)
			if resp.StatusCode != http.StatusBadRequest || !strings.Contains(resp.Header.Get("Cache-Control"),
				"no-store") {
				x.Errorf("%s: %d, Cache-Control %q", name, resp.StatusCode, resp.Header.Get("Cache-Control"))
			}
		}
		x.live(p)
	})
}
