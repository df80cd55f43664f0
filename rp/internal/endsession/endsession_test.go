package endsession_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/internal/endsession"
)

const (
	endpoint = "https://idp.example/end?tenant=1"
	back     = "https://notes.example/auth/logged-out"
)

// ada is whose session ends; a claim of hers is her e-mail address.
func ada(token string) *endsession.Person {
	return &endsession.Person{IDToken: token, Claim: func(name string) string {
		return map[string]string{"email": "ada@example.com"}[name]
	}}
}

// What the IdP takes decides what it is told (RP-Initiated Logout 1.0 §2).
func TestRequest(t *testing.T) {
	long := strings.Repeat("x", 5_000)
	for _, tc := range []struct {
		name   string
		rules  idps.LogoutRules
		noHint bool
		post   bool
		whom   *endsession.Person
		want   string // the fields, without state
		hinted bool
		posted bool
		none   bool
	}{
		{name: "usual", whom: ada("token"), hinted: true,
			want: "client_id id_token_hint post_logout_redirect_uri state tenant"},
		{name: "nobody in particular", want: "client_id post_logout_redirect_uri state tenant"},
		{name: "Config.Logout.NoHint", noHint: true, whom: ada("token"),
			want: "client_id post_logout_redirect_uri state tenant"},
		{name: "a token too long for a URL", whom: ada(long),
			want: "client_id post_logout_redirect_uri state tenant"},
		{name: "posted, it is not too long", post: true, whom: ada(long), hinted: true, posted: true,
			want: "client_id id_token_hint post_logout_redirect_uri state"},
		{name: "longer than the IdP takes", rules: idps.LogoutRules{MaxHint: 4}, whom: ada("token"),
			want: "client_id post_logout_redirect_uri state tenant"},
		{name: "as long as the IdP takes", rules: idps.LogoutRules{MaxHint: 5}, whom: ada("token"), hinted: true,
			want: "client_id id_token_hint post_logout_redirect_uri state tenant"},
		{name: "a name beside", rules: idps.LogoutRules{HintClaim: "email"}, whom: ada("token"), hinted: true,
			want: "client_id id_token_hint logout_hint post_logout_redirect_uri state tenant"},
		{name: "a name instead", rules: idps.LogoutRules{HintClaim: "email", Hint: idps.HintRefused},
			whom: ada("token"), hinted: true, want: "client_id logout_hint post_logout_redirect_uri state tenant"},
		{name: "no hint, no redirect", rules: idps.LogoutRules{Hint: idps.HintForRedirect}, want: "client_id tenant"},
		{name: "no hint, nothing", rules: idps.LogoutRules{Hint: idps.HintRequired}, none: true},
		{name: "a long hint that is needed", rules: idps.LogoutRules{Hint: idps.HintRequired}, whom: ada(long),
			hinted: true, posted: true, want: "client_id id_token_hint post_logout_redirect_uri state"},
		{name: "another name for the way back", rules: idps.LogoutRules{RedirectParam: "returnTo"}, whom: ada("token"),
			hinted: true, want: "client_id id_token_hint returnTo tenant"},
	} {
		l := &endsession.Logout{ClientID: "notes", Rules: &tc.rules, NoHint: tc.noHint, Post: tc.post}
		q := l.Request(endpoint, back, url.Values{}, tc.whom)
		if tc.none {
			if q.To != "" {
				t.Errorf("%s: %+v", tc.name, q)
			}
			continue
		}
		sent := q.Fields
		if !q.Post {
			to, err := url.Parse(q.To)
			if err != nil {
				t.Fatal(err)
			}
			sent = to.Query()
		} else if q.To != endpoint {
			t.Errorf("%s: posted to %s", tc.name, q.To)
		}
		if names(sent) != tc.want || q.Hinted != tc.hinted || q.Post != tc.posted {
			t.Errorf("%s: %s, hinted %v, posted %v", tc.name, names(sent), q.Hinted, q.Post)
		}
		for _, param := range []string{"post_logout_redirect_uri", "returnTo"} {
			if sent.Has(param) && sent.Get(param) != back {
				t.Errorf("%s: %s is %q", tc.name, param, sent.Get(param))
			}
		}
	}
}

func names(q url.Values) string {
	var all []string
	for _, name := range []string{"client_id", "id_token_hint", "logout_hint", "post_logout_redirect_uri", "returnTo",
		"state", "tenant"} {
		if q.Get(name) != "" {
			all = append(all, name)
		}
	}
	return strings.Join(all, " ")
}

// The form of a log-out says what it may say, and goes before the configuration.
func TestWords(t *testing.T) {
	l := &endsession.Logout{Params: map[string]string{"ui_locales": "en", "federated": ""}, Form: []string{"ui_locales",
		"logout_hint"}}
	got := l.Words(url.Values{"ui_locales": {"de"}, "logout_hint": {strings.Repeat("x", endsession.MaxWord+1)},
		"client_id": {"evil"}})
	if got.Encode() != "federated=&ui_locales=de" {
		t.Errorf("%v", got)
	}
	got = l.Words(url.Values{"logout_hint": {strings.Repeat("x", endsession.MaxWord)}})
	if got.Get("logout_hint") == "" || got.Get("ui_locales") != "en" {
		t.Errorf("%v", got)
	}
}
