package rp_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/adapter"
)

// RequireClaim lets in whose claim says so, by whatever shape the IdP gives it, and answers
// the others 403: a page, JSON, or what the app says.
func TestRequireClaim(t *testing.T) {
	s := setup{idp: people(map[string]any{"groups": []string{"staff"},
		"realm_access": map[string]any{"roles": []string{"editor"}}, "verified": true})}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for want, opts := range map[int][][]rp.LoginOption{
			200: {{rp.RequireClaim("groups", "admins", "staff")}, {rp.RequireClaim("realm_access.roles", "editor"),
				rp.RequireClaim("groups", "staff")}, {rp.RequireClaim("verified", "true")}},
			403: {{rp.RequireClaim("groups", "admins")}, {rp.RequireClaim("groups")}, {rp.RequireClaim("groups", "")},
				{rp.RequireClaim("roles", "staff")},
				{rp.RequireClaim("groups", "staff"), rp.RequireClaim("verified", "false")}},
		} {
			for i, o := range opts {
				path := fmt.Sprintf("/claim-%d-%d", want, i)
				w.guarded(path, o...)
				if a := v.get(path); a.status != want {
					t.Errorf("%s: %v", path, a)
				}
			}
		}
		a := v.get("/claim-403-0")
		if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Tandem-Error") != "forbidden" ||
			!strings.Contains(a.body, "Use another account") {
			t.Errorf("the page: %v", a)
		}
		other := between(a.body, `href="`, `"`)
		if at := query(v.start(strings.ReplaceAll(other, "&amp;", "&"))); at.Get("prompt") != "select_account" {
			t.Errorf("%q leads to %v", other, at)
		}
		var p adapter.Problem
		if a := v.fetch("/claim-403-0"); a.status != 403 || json.Unmarshal([]byte(a.body), &p) != nil ||
			p != (adapter.Problem{Error: "forbidden"}) {
			t.Errorf("a script: %v", a)
		}
		stranger := w.visitor("bob")
		if a := stranger.get("/claim-403-0"); a.status != http.StatusFound ||
			a.location() != "/auth/login?return_to=%2Fclaim-403-0" {
			t.Errorf("nobody: %v", a)
		}
		w.expectEnds()
	})

	own := setup{idp: people(nil), config: func(c *rp.Config) {
		c.Forbidden = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if r.URL.Query().Get("as") == "404" {
				http.NotFound(rw, r)
				return
			}
			io.WriteString(rw, "sorry, "+rp.FromContext(r.Context()).Subject())
		})
	}}
	inBubble(t, own, func(t *testing.T, w *world) {
		w.guarded("/admin", rp.RequireClaim("groups", "admins"))
		v := w.visitor("ada")
		v.login()
		if a := v.get("/admin"); a.status != 403 || a.body != "sorry, ada" ||
			a.header.Get("Cache-Control") != "no-store" || a.header.Get("Tandem-Error") != "forbidden" {
			t.Errorf("%v", a)
		}
		if a := v.fetch("/admin?as=404"); a.status != 404 || !strings.Contains(a.body, "not found") {
			t.Errorf("%v", a)
		}
	})
}

// between is what stands in text between two others.
func between(text, from, to string) string {
	_, rest, _ := strings.Cut(text, from)
	found, _, _ := strings.Cut(rest, to)
	return found
}
