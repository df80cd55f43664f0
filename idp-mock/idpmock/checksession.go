package idpmock

import (
	"html/template"
	"net/http"
	"net/url"
	"strings"

	"github.com/tandem-sso/tandem/idp-mock/internal/look"
)

// sessionState is session_state of an authorization response: a salted hash of
// client, its origin and the browser state (OpenID Connect Session Management
// 1.0 §3.2).
func (p *IDP) sessionState(a *authRequest, s *session) string {
	u, err := url.Parse(a.redirectURI)
	if err != nil || u.Host == "" {
		return ""
	}
	salt := newSecret()[:16]
	return hexSHA256(strings.Join([]string{a.client.ID, u.Scheme + "://" + u.Host, s.opbs, salt}, " ")) + "." + salt
}

const checkSessionScript = `
"use strict";
async function sha256(text) {
  const sum = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(sum), b => b.toString(16).padStart(2, "0")).join("");
}
const blind = document.currentScript.hasAttribute("data-blind");
function browserState() {
  const port = location.port || (location.protocol === "https:" ? "443" : "80");
  const name = "` + cookieState + `." + port + "=";
  return document.cookie.split("; ").find(c => c.startsWith(name))?.slice(name.length) ?? "";
}
addEventListener("message", async e => {
  let answer = "error";
  if (typeof e.data === "string" && e.source) {
    const at = e.data.lastIndexOf(" ");
    const client = e.data.slice(0, at), state = e.data.slice(at + 1), salt = state.split(".")[1];
    if (at > 0 && salt) {
      const now = await sha256([client, e.origin, browserState(), salt].join(" ")) + "." + salt;
      answer = now === state && !blind ? "unchanged" : "changed";
    }
  }
  e.source.postMessage(answer, e.origin);
});
`

var checkSessionTemplate = template.Must(
	template.New("").Parse(`<!doctype html><html lang="en"><meta charset="utf-8"><title>check_session</title><script{{if .}} data-blind{{end}}>` + checkSessionScript + `</script>`))

// checkSession is the check_session_iframe. Every origin may frame it; it tells
// nothing but changed or unchanged.
func (p *IDP) checkSession(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; script-src "+look.Hash(checkSessionScript)+"; base-uri 'none'")
	render(w, http.StatusOK, checkSessionTemplate, p.settings().Temperament.CheckSessionChanged)
}
