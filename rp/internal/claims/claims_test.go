package claims

import (
	"encoding/base64"
	"encoding/json"
	"testing"
)

// signed is a token with that payload. Nothing here looks at the rest of it.
func signed(payload string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + ".c2ln"
}

func expect(t *testing.T, what string, s Said, want string) {
	t.Helper()
	all, err := s.All()
	var got, wanted map[string]any
	if err != nil || json.Unmarshal(all, &got) != nil || json.Unmarshal([]byte(want), &wanted) != nil {
		t.Fatalf("%s: %s, %v; want %s", what, all, err, want)
	}
	a, _ := json.Marshal(got)
	b, _ := json.Marshal(wanted)
	if string(a) != string(b) {
		t.Errorf("%s:\n%s\nwant\n%s", what, a, b)
	}
}

func must(t *testing.T) func(Said, error) Said {
	return func(s Said, err error) Said {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
}

// What was said last counts, word by word through a session's life.
func TestWhatWasSaidLastCounts(t *testing.T) {
	do := must(t)
	login := `{"iss":"i","sub":"ada","aud":"notes","exp":1,"iat":1,"nonce":"n","at_hash":"h","c_hash":"h","auth_time":1,"acr":"gold","sid":"s","name":"Ada","groups":["a"]}`
	s := do(Said{}.ByIDToken(signed(login), true))
	expect(t, "the log-in", s, login)
	if s.Kept != "" || s.Userinfo != "" {
		t.Errorf("claims are stored twice: %+v", s)
	}

	s = do(s.ByUserinfo([]byte(`{"sub":"ada","name":"Ada L.","email":"a@x","roles":["admin"],"acr":"none","exp":9,"sid":"other","iss":"evil","auth_time":9,"SUB":"eve"}`)))
	expect(t, "userinfo at the log-in", s, `{"iss":"i","sub":"ada","aud":"notes","exp":1,"iat":1,"nonce":"n","at_hash":"h","c_hash":"h","auth_time":1,"acr":"gold","sid":"s",
		"name":"Ada L.","groups":["a"],"email":"a@x","roles":["admin"]}`)

	thin := signed(`{"iss":"i","sub":"ada","aud":"notes","exp":2,"iat":2,"name":"Ada K."}`)
	expect(t, "a thin refresh that keeps nothing", do(s.ByIDToken(thin, false)),
		`{"iss":"i","sub":"ada","aud":"notes","exp":2,"iat":2,"name":"Ada K.","email":"a@x","roles":["admin"]}`)
	s = do(s.ByIDToken(thin, true))
	expect(t, "a thin refresh", s, `{"iss":"i","sub":"ada","aud":"notes","exp":2,"iat":2,"auth_time":1,"acr":"gold","sid":"s",
		"name":"Ada K.","groups":["a"],"email":"a@x","roles":["admin"]}`)
	s = do(s.ByIDToken(signed(`{"sub":"ada","exp":3}`), true))
	expect(t, "a thinner one", s, `{"sub":"ada","exp":3,"auth_time":1,"acr":"gold","sid":"s","name":"Ada K.","groups":["a"],"email":"a@x","roles":["admin"]}`)

	s = do(s.ByUserinfo([]byte(`{"sub":"ada","name":"Ada M.","email":"a@x"}`)))
	expect(t, "userinfo without the role that was taken away", s,
		`{"sub":"ada","exp":3,"auth_time":1,"acr":"gold","sid":"s","name":"Ada M.","groups":["a"],"email":"a@x"}`)
	s = do(s.ByIDToken(signed(`{"sub":"ada","exp":4,"groups":[]}`), true))
	expect(t, "groups that are empty now", s,
		`{"sub":"ada","exp":4,"auth_time":1,"acr":"gold","sid":"s","name":"Ada M.","groups":[],"email":"a@x"}`)
	s = do(s.ByUserinfo([]byte(`{"sub":"ada"}`)))
	expect(t, "userinfo that says nothing any more", s,
		`{"sub":"ada","exp":4,"auth_time":1,"acr":"gold","sid":"s","groups":[]}`)
}

// What cannot be read changes nothing.
func TestUnreadable(t *testing.T) {
	s := must(t)(Said{}.ByIDToken(signed(`{"sub":"ada"}`), true))
	for _, bad := range []string{"", "x", "a.b", "a.!.c", signed("x"), signed("[]"), signed("null")} {
		if got, err := s.ByIDToken(bad, true); err == nil || got != s {
			t.Errorf("%q: %+v, %v", bad, got, err)
		}
	}
	for _, bad := range []string{"x", "[]", "null", `"x"`} {
		if got, err := s.ByUserinfo([]byte(bad)); err == nil || got != s {
			t.Errorf("%q: %+v, %v", bad, got, err)
		}
	}
}

func TestHas(t *testing.T) {
	all := `{"role":"admin","roles":["a","b",7,null,{"x":1}],"email_verified":true,"level":3,"none":null,"empty":"","realm_access":{"roles":["editor"]},
		"https://x.example/roles":["far"],"a.b":"dot","urn:zitadel:roles":{"owner":{"1":"x"}},"resource_access":{"my.app":{"roles":["z"]}}}`
	for _, row := range []struct {
		name, value string
		want        bool
	}{
		{"role", "admin", true}, {"role", "Admin", false}, {"role", "adm", false}, {"role", "", false},
		{"roles", "a", true}, {"roles", "c", false}, {"roles", "7", true}, {"roles", "null", false},
		{"roles", `{"x":1}`, false}, {"roles", "x", false},
		{"email_verified", "true", true}, {"email_verified", "false", false}, {"level", "3", true},
		{"level", "03", false},
		{"none", "null", false}, {"none", "", false}, {"empty", "", false}, {"missing", "x", false},
		{"missing", "", false},
		{"realm_access.roles", "editor", true}, {"realm_access.roles", "admin", false}, {"realm_access", "roles", true},
		{"role.x", "admin", false}, {"realm_access.", "editor", false}, {".", "x", false}, {"", "x", false},
		{"https://x.example/roles", "far", true}, {"a.b", "dot", true}, {"urn:zitadel:roles", "owner", true},
		{"urn:zitadel:roles", "user", false},
	} {
		if got := Has([]byte(all), row.name, row.value); got != row.want {
			t.Errorf("%s says %q: %v", row.name, row.value, got)
		}
	}
	if !Has([]byte(all), "roles", "x", "y", "b") || Has([]byte(all), "role") || Has([]byte("x"), "role", "admin") ||
		Has(nil, "", "") {
		t.Error("several values, none, and no claims")
	}
}

// Whatever an IdP says, it speaks of nobody but the person in the ID token, and it takes no
// claim about the log-in back.
func FuzzSaid(f *testing.F) {
	f.Add(`{"sub":"ada","acr":"1"}`, `{"sub":"ada","name":"x"}`, `{"sub":"ada"}`, "name", "x")
	f.Add(`{"sub":"ada"}`, `{"sub":"eve","acr":"gold"}`, `{"sub":"ada","acr":null}`, "a.b", "")
	f.Fuzz(func(t *testing.T, login, userinfo, refreshed, name, value string) {
		first, err := Said{}.ByIDToken(signed(login), true)
		if err != nil {
			return
		}
		second, err := first.ByUserinfo([]byte(userinfo))
		if err != nil && second != first {
			t.Fatal("an error changes something")
		}
		third, err := second.ByIDToken(signed(refreshed), true)
		if err != nil {
			third = second
		}
		for latest, s := range map[string]Said{first.IDToken: second, third.IDToken: third} {
			all, err := s.All()
			if err != nil {
				t.Fatal(err)
			}
			Has(all, name, value)
			got, err := parse(string(all))
			if err != nil {
				t.Fatal(err)
			}
			said, _ := token(latest)
			for _, claim := range ofOneToken {
				if string(compact(got[claim])) != string(compact(said[claim])) {
					t.Errorf("%s is %s, and the ID token says %s", claim, got[claim], said[claim])
				}
			}
		}
		before, _ := token(first.IDToken)
		after := object{}
		if all, err := second.All(); err == nil {
			after, _ = parse(string(all))
		}
		for _, claim := range ofTheLogin {
			if string(compact(after[claim])) != string(compact(before[claim])) {
				t.Errorf("userinfo has said %s", claim)
			}
		}
	})
}

func compact(raw json.RawMessage) []byte {
	var v any
	if raw == nil || json.Unmarshal(raw, &v) != nil {
		return nil
	}
	b, _ := json.Marshal(v)
	return b
}

// What userinfo said before and does not say any more is gone, also where an ID token had
// said it too.
func TestUserinfoTakesBack(t *testing.T) {
	s, err := Said{Kept: `{"name":"Ada","role":"admin"}`, Userinfo: `{"role":"admin"}`}.ByUserinfo([]byte(`{"email":"a@x"}`))
	if err != nil || s.Kept != `{"name":"Ada"}` || s.Userinfo != `{"email":"a@x"}` {
		t.Errorf("%+v, %v", s, err)
	}
}

// What cannot be read is an error, and not a person without claims.
func TestAllThatCannotBeRead(t *testing.T) {
	list := "e30." + base64.RawURLEncoding.EncodeToString([]byte(`[]`)) + ".x"
	for _, s := range []Said{
		{IDToken: "x"}, {IDToken: "x", Kept: `{"a":1}`}, {IDToken: list, Userinfo: `{"a":1}`},
		{IDToken: "e30.e30.x", Kept: `[]`}, {IDToken: "e30.e30.x", Userinfo: `{`},
	} {
		if all, err := s.All(); err == nil {
			t.Errorf("%+v: %s", s, all)
		}
	}
}
