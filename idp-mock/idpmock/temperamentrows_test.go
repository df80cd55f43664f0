package idpmock_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// fact is what a provider does, as it shows from outside.
type fact struct {
	refresh string // what brings a refresh token
	rotates string // what a refresh brings, and whether the winner outlives a reuse of the old one
	extends string // which calls move the deadline, beside a visit
	proves  string // which calls fail once the session is over
	told    string // the ends of which a client gets a logout token
	name    string // where the person's name is told
	lacks   string // endpoints that are not advertised
	sid     bool   // in the ID token
}

const (
	everywhere = "login refresh userinfo"
	strictly   = "new, the winner dies"
)

// readAbout are providers of which nothing was measured, but for Spring Authorization Server
// (TestAsMeasured): a row for each, with what was read and what was decided.
var readAbout = map[string]fact{
	"b2c": {refresh: "offline_access", rotates: "new, the winner lives", name: "login refresh",
		lacks: "introspect revoke par"},
	"google": {refresh: "access_type", rotates: "none, the winner lives", name: everywhere,
		lacks: "introspect end_session par"},
	"apple": {refresh: "always", rotates: "none, the winner lives", name: "login",
		lacks: "userinfo introspect end_session par"},
	"gitlab": {refresh: "always", rotates: strictly, name: "userinfo", lacks: "end_session par"},
	"authentik": {refresh: "offline_access", rotates: strictly, told: "logout admin idle", name: everywhere,
		lacks: "par", sid: true},
	"authelia": {refresh: "offline_access", rotates: strictly, name: "userinfo", lacks: "end_session"},
	"pingone": {refresh: "always", rotates: strictly, proves: "refresh userinfo introspect", name: everywhere,
		sid: true},
	"pingfederate": {refresh: "always", rotates: strictly, name: "userinfo"},
	"pingam": {refresh: "offline_access", rotates: strictly, told: "logout admin idle", name: everywhere,
		sid: true},
	"franceconnect": {refresh: "never", name: "userinfo", lacks: "introspect revoke par"},
	"login.gov":     {refresh: "never", name: "userinfo", lacks: "introspect revoke par"},
	"id-porten":     {refresh: "always", rotates: strictly, name: everywhere, lacks: "introspect"},
	"spring-authorization-server": {refresh: "always", rotates: "same, the winner lives", name: everywhere,
		sid: true},
	"janssen": {refresh: "offline_access", rotates: strictly, told: "logout admin", name: everywhere, sid: true},
	"wso2":    {refresh: "always", rotates: strictly, told: "logout admin", name: everywhere, sid: true},
	"casdoor": {refresh: "always", rotates: strictly, told: "logout admin", name: everywhere, lacks: "par"},
	"logto": {refresh: "consent", rotates: "same, the winner lives", told: "logout admin", // tokens with offline_access
		name: everywhere},
	"kanidm": {refresh: "always", rotates: strictly, proves: "refresh userinfo introspect", name: everywhere,
		lacks: "end_session par"},
}

// Every provider of idps.md that was read about does what its row says.
func TestProvidersReadAbout(t *testing.T) {
	for name, want := range readAbout {
		t.Run(name, func(t *testing.T) {
			var got fact
			for _, look := range []func(*world, *fact){lookAtRefreshTokens, lookAtCalls, lookAtEnds, lookAtClaims} {
				like(t, name, nil, func(t *testing.T, w *world) { look(w, &got) })
			}
			if got != want {
				t.Errorf("got  %+v\nwant %+v", got, want)
			}
		})
	}
}

// B2C: a client that asks for no API gets no access token, at refreshes neither.
func TestAccessTokenForAPIOnly(t *testing.T) {
	like(t, "b2c", func(c *idpmock.Config) { c.Clients[1].Audience = []string{"api"} }, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		none := w.logInForRefresh(b, "notes")
		for _, a := range []answer{none, w.refresh("notes", none.text("refresh_token"))} {
			if a.fields["access_token"] != nil || a.fields["token_type"] != nil || a.text("id_token") == "" ||
				a.text("refresh_token") == "" {
				t.Errorf("without an API: %v", a)
			}
		}
		if a := w.logInForRefresh(b, "mail"); a.text("access_token") == "" || a.text("token_type") != "Bearer" {
			t.Errorf("with an API: %v", a)
		}
	})
}

// PingFederate and Apple: refreshes bring no ID token, log-ins do.
func TestNoIDTokenOnRefresh(t *testing.T) {
	for _, name := range []string{"pingfederate", "apple"} {
		like(t, name, nil, func(t *testing.T, w *world) {
			first := w.logInForRefresh(w.Browser("ada"), "notes")
			if next := w.refresh("notes", first.text("refresh_token")); first.text("id_token") == "" ||
				next.status != http.StatusOK || next.text("id_token") != "" {
				t.Errorf("%v, then %v", first, next)
			}
		})
	}
}

// log in, asking for what the temperament wants.
func (w *world) logIn(b *idpmock.Browser, client string, more ...string) answer {
	if w.Config().Temperament.RequireFormPost {
		more = append(more, "response_mode", "form_post")
	}
	return w.login(b, client, more...)
}

func (w *world) logInForRefresh(b *idpmock.Browser, client string) answer {
	more := []string{"scope", "openid profile"}
	switch w.Config().Temperament.RefreshToken {
	case idpmock.RefreshOffline, idpmock.RefreshConsent:
		more = []string{"scope", "openid profile offline_access", "prompt", "consent"}
	case idpmock.RefreshAccessType:
		more = append(more, "access_type", "offline")
	}
	return w.logIn(b, client, more...)
}

func lookAtRefreshTokens(w *world, f *fact) {
	b := w.Browser("ada")
	comes := func(more ...string) bool { return w.logIn(b, "notes", more...).text("refresh_token") != "" }
	switch {
	case comes():
		f.refresh = "always"
	case comes("scope", "openid offline_access"):
		f.refresh = "offline_access"
	case comes("scope", "openid offline_access", "prompt", "consent"):
		f.refresh = "consent"
	case comes("access_type", "offline"):
		f.refresh = "access_type"
	default:
		f.refresh = "never"
		return
	}
	old := w.logInForRefresh(b, "notes").text("refresh_token")
	winner := w.refresh("notes", old).text("refresh_token")
	switch winner {
	case "":
		f.rotates, winner = "none", old
	case old:
		f.rotates = "same"
	default:
		f.rotates = "new"
	}
	time.Sleep(time.Minute)
	w.refresh("notes", old)
	f.rotates += ", the winner lives"
	if w.refresh("notes", winner).status != http.StatusOK {
		f.rotates = strings.Replace(f.rotates, "lives", "dies", 1)
	}
}

// calls with the tokens of a log-in, by name, as far as the provider has them. Each reports
// whether it was served.
func (w *world) tokenCalls(tok answer) (names []string, call map[string]func() bool) {
	call = map[string]func() bool{
		"refresh":    func() bool { return w.refresh("notes", tok.text("refresh_token")).status == http.StatusOK },
		"userinfo":   func() bool { return w.userinfo(tok.text("access_token")).status == http.StatusOK },
		"introspect": func() bool { return w.introspect(tok.text("access_token")).fields["active"] == true },
	}
	temper := w.Config().Temperament
	if tok.text("refresh_token") != "" {
		names = append(names, "refresh")
	}
	if tok.text("access_token") != "" && temper.Has("userinfo_endpoint") {
		names = append(names, "userinfo")
	}
	if tok.text("access_token") != "" && temper.Has("introspection_endpoint") {
		names = append(names, "introspect")
	}
	return names, call
}

func lookAtCalls(w *world, f *fact) {
	b := w.Browser("ada")
	tok := w.logInForRefresh(b, "notes")
	names, call := w.tokenCalls(tok)
	var extends, proves []string
	for _, name := range names {
		if name == "refresh" {
			continue // it comes last: it may use the tokens up
		}
		time.Sleep(time.Second)
		before := w.session(b).IdleDeadline
		if !call[name]() {
			w.t.Errorf("%s of a live session fails", name)
		}
		if w.session(b).IdleDeadline.After(before) {
			extends = append(extends, name)
		}
	}
	tok = w.logInForRefresh(b, "notes")
	if tok.text("refresh_token") != "" {
		time.Sleep(time.Second)
		before := w.session(b).IdleDeadline
		if next := w.refresh("notes", tok.text("refresh_token")); next.status != http.StatusOK {
			w.t.Errorf("a refresh in a live session: %v", next)
		}
		if w.session(b).IdleDeadline.After(before) {
			extends = append(extends, "refresh")
		}
	}
	tok = w.logInForRefresh(b, "notes")
	if names, call = w.tokenCalls(tok); len(names) == 0 {
		return
	}
	if err := w.EndSession(w.session(b).SID); err != nil {
		w.t.Fatal(err)
	}
	for _, name := range names {
		if !call[name]() {
			proves = append(proves, name)
		}
	}
	f.extends, f.proves = strings.Join(extends, " "), strings.Join(proves, " ")
}

func lookAtEnds(w *world, f *fact) {
	var told []string
	try := func(name string, end func(b *idpmock.Browser, tok answer)) {
		before := len(w.deliveries("notes"))
		b := w.Browser("ada")
		end(b, w.logIn(b, "notes"))
		w.Settle()
		if _, err := b.Session(); err == nil {
			w.t.Errorf("%s: the session lives", name)
		}
		if len(w.deliveries("notes")) > before {
			told = append(told, name)
		}
	}
	if temper := w.Config().Temperament; temper.Has("end_session_endpoint") {
		try("logout", func(b *idpmock.Browser, tok answer) {
			to := url.Values{"id_token_hint": {tok.text("id_token")}}
			if temper.LogoutHint == idpmock.HintRefused {
				to = url.Values{"client_id": {"notes"}}
			}
			if _, err := b.Logout(w.t.Context(), w.URL+idpmock.PathEndSession+"?"+to.Encode()); err != nil {
				w.t.Error(err)
			}
		})
	}
	try("admin", func(b *idpmock.Browser, _ answer) {
		if err := w.EndSession(w.session(b).SID); err != nil {
			w.t.Error(err)
		}
	})
	try("idle", func(b *idpmock.Browser, _ answer) {
		if err := w.Expire(w.session(b).SID, idpmock.CauseIdle); err != nil {
			w.t.Error(err)
		}
	})
	f.told = strings.Join(told, " ")
}

func lookAtClaims(w *world, f *fact) {
	tok := w.logInForRefresh(w.Browser("ada"), "notes")
	_, id := peek(w.t, tok.text("id_token"))
	f.sid = id["sid"] != nil
	var where []string
	if id["name"] == "ada" {
		where = append(where, "login")
	}
	if token := tok.text("refresh_token"); token != "" {
		if _, next := claimsOf(w.refresh("notes", token).text("id_token")); next["name"] == "ada" {
			where = append(where, "refresh")
		}
	}
	if token := tok.text("access_token"); token != "" && w.userinfo(token).text("name") == "ada" {
		where = append(where, "userinfo")
	}
	f.name = strings.Join(where, " ")

	req, err := http.NewRequest(http.MethodGet, w.URL+idpmock.PathDiscovery, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	meta := w.must(w.do(req)).fields
	var lacks []string
	for _, one := range [][2]string{{"userinfo", "userinfo_endpoint"}, {"introspect", "introspection_endpoint"},
		{"revoke", "revocation_endpoint"},
		{"end_session", "end_session_endpoint"}, {"par", "pushed_authorization_request_endpoint"}} {
		if meta[one[1]] == nil {
			lacks = append(lacks, one[0])
		}
	}
	f.lacks = strings.Join(lacks, " ")
}
