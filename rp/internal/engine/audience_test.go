package engine

import (
	"encoding/base64"
	"net/url"
	"slices"
	"testing"
)

func unsigned(payload string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".x"
}

// An IdP that answers with the log-in's audience has not listened (Auth0 without refresh
// token policies). What cannot be told is not refused.
func TestIgnoredAudience(t *testing.T) {
	byAudience := &Audience{Form: url.Values{"audience": {"mail"}}}
	byScope := &Audience{Form: url.Values{"scope": {"api://mail/send"}}}
	for _, row := range []struct {
		name       string
		to         *Audience
		own, token string
		want       bool
	}{
		{"the log-in's again", byAudience, unsigned(`{"aud":["notes","userinfo"]}`),
			unsigned(`{"aud":["userinfo","notes"]}`), true},
		{"one text", byAudience, unsigned(`{"aud":"notes"}`), unsigned(`{"aud":"notes"}`), true},
		{"what was asked for", byAudience, unsigned(`{"aud":"notes"}`), unsigned(`{"aud":["mail","userinfo"]}`), false},
		{"both are for the API", byAudience, unsigned(`{"aud":"mail"}`), unsigned(`{"aud":"mail"}`), false},
		{"another name of the API", byAudience, unsigned(`{"aud":"notes"}`), unsigned(`{"aud":"urn:mail"}`), false},
		{"by scope", byScope, unsigned(`{"aud":"notes"}`), unsigned(`{"aud":"notes"}`), false},
		{"opaque", byAudience, "opaque", "opaque", false},
		{"no audience", byAudience, unsigned(`{}`), unsigned(`{}`), false},
		{"no JSON", byAudience, unsigned(`<`), unsigned(`<`), false},
		{"a number", byAudience, unsigned(`{"aud":7}`), unsigned(`{"aud":7}`), false},
	} {
		if got := row.to.ignored(row.own, row.token); got != row.want {
			t.Errorf("%s: %v", row.name, got)
		}
	}
}

func FuzzAudOf(f *testing.F) {
	f.Add(unsigned(`{"aud":["a","b"]}`))
	f.Add("a.b.c")
	f.Fuzz(func(t *testing.T, token string) {
		if aud := audOf(token); !slices.IsSorted(aud) {
			t.Errorf("%q", aud)
		}
	})
}
