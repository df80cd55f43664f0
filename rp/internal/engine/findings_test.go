package engine

import (
	"slices"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idtoken"
)

// What an operator is told of the answers of the token endpoint, and how seriously ("!").
func TestJudgeTokens(t *testing.T) {
	good := Tokens{Access: "a", Kind: "Bearer", refresh: "r", life: time.Minute, window: time.Hour,
		ID: &idtoken.Claims{SID: "s"}}
	for _, tc := range []struct {
		name   string
		config Config
		change func(*Tokens)
		want   []string
	}{
		{"all is well", Config{}, func(*Tokens) {}, nil},
		{"a token that outlives the window", Config{}, func(t *Tokens) { t.life = time.Hour },
			[]string{"token_outlives_window"}},
		{"a window that nobody knows", Config{}, func(t *Tokens) { t.window = 0 }, []string{"window_unknown"}},
		{"a configured one", Config{IdPWindow: time.Hour}, func(t *Tokens) { t.window = 0 }, nil},
		{"no refresh token", Config{}, func(t *Tokens) { t.refresh = "" }, []string{"!no_refresh_token"}},
		{"none of a refresh", Config{}, func(t *Tokens) { t.refresh, t.ID = "", nil }, nil},
		{"another type", Config{}, func(t *Tokens) { t.Kind = "DPoP" }, []string{"!token_type"}},
		{"no sid", Config{}, func(t *Tokens) { t.ID = &idtoken.Claims{} }, []string{"no_sid"}},
		{"no expires_in", Config{}, func(t *Tokens) { t.life = 0 }, []string{"no_expires_in"}},
		{"signals as rare as the window", Config{SignalEvery: time.Hour}, func(*Tokens) {},
			[]string{"!signals_too_rare"}},
		{"signals in time", Config{SignalEvery: time.Hour - 1}, func(*Tokens) {}, nil},
		{"a client without tokens", Config{Kind: NoToken}, func(t *Tokens) {
			*t = Tokens{Kind: "DPoP", ID: &idtoken.Claims{SID: "s"}}
		}, nil},
	} {
		got := good
		tc.change(&got)
		var said []string
		for _, f := range judgeTokens(&tc.config, &got) {
			if f.Serious {
				f.Code = "!" + f.Code
			}
			said = append(said, f.Code)
		}
		if !slices.Equal(said, tc.want) {
			t.Errorf("%s: %q, want %q", tc.name, said, tc.want)
		}
	}
}
