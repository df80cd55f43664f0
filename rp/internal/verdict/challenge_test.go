package verdict

import (
	"net/http"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// API-02: several challenges per header line and per answer, any case, quoting.
func TestBearer(t *testing.T) {
	none := Challenge{}
	for _, row := range []struct {
		name  string
		lines []string
		want  Challenge // without a scheme: no challenge for us
	}{
		{"no header", nil, none},
		{"empty header", []string{""}, none},
		{"RFC 6750 §3", []string{`Bearer realm="example", error="invalid_token", error_description="The access token expired"`},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"no parameter", []string{`Bearer`}, Challenge{Scheme: "bearer"}},
		{"only a realm", []string{`Bearer realm="example"`}, Challenge{Scheme: "bearer"}},
		{"any case of the scheme", []string{`bEARER error="invalid_token"`},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"any case of the parameter", []string{`Bearer ERROR="invalid_token"`},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"a token instead of a quoted string", []string{`Bearer error=invalid_token`},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"a number instead of a quoted string", []string{`Bearer max_age=1890`},
			Challenge{Scheme: "bearer", MaxAge: "1890"}},
		{"blanks around =", []string{"Bearer error \t=  \"invalid_token\""},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"a forgotten comma", []string{`Bearer realm="x" error="invalid_token"`},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"too many commas", []string{`,, Bearer ,, realm="x",,error="invalid_token",,`},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"behind another scheme", []string{`Basic realm="api", Bearer error="invalid_token"`},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"before another scheme", []string{`Bearer error="invalid_token", Basic realm="api"`},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"in a line of its own", []string{`Basic realm="api"`, `Bearer error="invalid_token"`},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"behind a token68", []string{`Negotiate oYIBtTCCAbGg==, Bearer error="invalid_token"`},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"RFC 9110 §11.6.1 with ours at the end",
			[]string{`Newauth realm="apps", type=1, title="Login to \"apps\"", Basic realm="simple", Bearer error="invalid_token"`},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"the one with an error speaks of our token", []string{`Bearer realm="a"`, `Bearer error="invalid_token"`},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"DPoP", []string{`DPoP algs="ES256 PS256", error="invalid_token"`},
			Challenge{Scheme: "dpop", Error: "invalid_token"}},
		{"Bearer without and DPoP with an error", []string{`Bearer realm="a", DPoP error="use_dpop_nonce"`},
			Challenge{Scheme: "dpop", Error: "use_dpop_nonce"}},
		{"insufficient_scope", []string{`Bearer error="insufficient_scope", scope="notes.read notes.write"`},
			Challenge{Scheme: "bearer", Error: "insufficient_scope", Scope: "notes.read notes.write"}},
		{"RFC 9470 §3", []string{`Bearer error="insufficient_user_authentication", error_description="…", acr_values="myACR", max_age=5`},
			Challenge{Scheme: "bearer", Error: "insufficient_user_authentication", ACR: "myACR", MaxAge: "5"}},
		{"an escaped quote does not end a string",
			[]string{`Bearer realm="a \", error=\"insufficient_scope", error="invalid_token"`},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"escaped letters", []string{`Bearer error="invalid\_to\ken"`},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"the word in another's quoted string is no challenge", []string{`Basic realm="x, Bearer error=invalid_token"`},
			none},
		{"another scheme's error is not ours", []string{`Basic error="invalid_token"`}, none},
		{"a parameter called bearer is no scheme", []string{`Basic bearer="x", error="invalid_token"`}, none},
		{"a quote that is never closed", []string{`Bearer error="invalid_token`},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"a backslash at the end", []string{`Bearer error="invalid_token\`},
			Challenge{Scheme: "bearer", Error: "invalid_token"}},
		{"parameters before any scheme", []string{`="x", error="invalid_token"`}, none},
		{"a longer word", []string{`Bearerish error="invalid_token"`}, none},
		{"control characters", []string{"\x00\x01Bearer\x02error=\x03"}, Challenge{Scheme: "bearer"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, ok := Bearer(http.Header{"Www-Authenticate": row.lines})
			if ok != (row.want.Scheme != "") || got != row.want {
				t.Errorf("Bearer(%q) = %+v, %v; want %+v", row.lines, got, ok, row.want)
			}
		})
	}
}

// DPOP-02: what is said of the proof goes before what is said to everybody.
func TestDPoPChallenge(t *testing.T) {
	for _, row := range []struct {
		line, bearer, dpop string
	}{
		{`Bearer error="invalid_token", DPoP error="use_dpop_nonce"`, "invalid_token", "use_dpop_nonce"},
		{`DPoP error="invalid_token", Bearer error="x"`, "invalid_token", "invalid_token"},
		{`Bearer error="invalid_token", DPoP algs="ES256"`, "invalid_token", "invalid_token"},
		{`Basic error="x"`, "", ""},
	} {
		h := http.Header{"Www-Authenticate": {row.line}}
		b, _ := Bearer(h)
		d, _ := DPoP(h)
		if b.Error != row.bearer || d.Error != row.dpop {
			t.Errorf("%s: %q and %q", row.line, b.Error, d.Error)
		}
	}
}

// What an API can make us read is bounded.
func TestBearerReadsBoundedText(t *testing.T) {
	lines := []string{`Basic realm="` + strings.Repeat("x", 9<<10) + `"`, `Bearer error="invalid_token"`}
	if c, ok := Bearer(http.Header{"Www-Authenticate": lines}); ok {
		t.Errorf("read beyond 8 KiB and found %+v", c)
	}
	many := make([]string, 10_000)
	for i := range many {
		many[i] = "Bearer"
	}
	if _, ok := Bearer(http.Header{"Www-Authenticate": many}); !ok {
		t.Error("the first of many challenges was not found")
	}
}

// Whatever stands in an error, if it is quoted by the rules it is read back.
func TestBearerReadsWhatIsQuoted(t *testing.T) {
	quote := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[ -~]{1,40}`)
		want := Challenge{Scheme: "bearer", Error: text.Draw(t, "error"), Scope: text.Draw(t, "scope"),
			ACR: text.Draw(t, "acr"), MaxAge: text.Draw(t, "max_age")}
		other := `Basic realm="` + quote.Replace(text.Draw(t, "realm")) + `"`
		line := other + `, Bearer error="` + quote.Replace(want.Error) + `", acr_values="` + quote.Replace(want.ACR) +
			`", scope="` + quote.Replace(want.Scope) + `",max_age="` + quote.Replace(want.MaxAge) + `", ` + other
		if got, ok := Bearer(http.Header{"Www-Authenticate": {line}}); !ok || got != want {
			t.Fatalf("%s was read as %+v, want %+v", line, got, want)
		}
	})
}

func FuzzBearer(f *testing.F) {
	f.Add(`Bearer realm="x", error="invalid_token"`, `Basic`)
	f.Add(`Negotiate a==, DPoP error=x`, ``)
	f.Add(`Bearer error="\`, `"`)
	f.Fuzz(func(t *testing.T, a, b string) {
		c, ok := Bearer(http.Header{"Www-Authenticate": {a, b}})
		if !ok && c != (Challenge{}) {
			t.Errorf("no challenge, but %+v", c)
		}
		if ok && c.Scheme != "bearer" && c.Scheme != "dpop" {
			t.Errorf("a challenge of scheme %q", c.Scheme)
		}
		if !strings.Contains(strings.ToLower(a+b), c.Scheme) {
			t.Errorf("scheme %q out of nowhere", c.Scheme)
		}
	})
}
