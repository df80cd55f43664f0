package registration

import (
	"encoding/json"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

const goodAnswer = `{"client_id":"1","client_secret":"s","client_secret_expires_at":1795737600,"client_id_issued_at":1795737600.5,` +
	`"registration_access_token":"t","registration_client_uri":"https://idp.example/register/1","redirect_uris":["https://notes.example/cb"],` +
	`"client_name":"Notes","client_name#de":"Notizen","jwks":{"keys":[]},"token_endpoint_auth_method":"client_secret_basic"}`

// FuzzClient: an answer is refused, or the client is complete, and is the same once it was
// saved and loaded.
func FuzzClient(f *testing.F) {
	f.Add([]byte(goodAnswer))
	for _, old := range []string{`"1"`, `"s"`, `1795737600`, `"t"`, `"https://idp.example/register/1"`,
		`["https://notes.example/cb"]`, `"Notes"`} {
		for _, v := range []string{`null`, `""`, `[]`, `{}`, `-1`, `1e400`, `true`, `"` + strings.Repeat("x", 9<<10) +
			`"`} {
			f.Add([]byte(strings.Replace(goodAnswer, old, v, 1)))
		}
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		c, err := parseClient(raw, Client{}, false)
		if err != nil {
			if !utf8.ValidString(err.Error()) || c.ID != "" {
				t.Fatalf("%v beside %+v", err, c)
			}
			return
		}
		switch {
		case c.ID == "", (c.ManagementURL == "") != (c.ManagementToken == ""), c.ManagementURL != "" &&
			!strings.HasPrefix(strings.ToLower(c.ManagementURL), "http"):
			t.Fatalf("incomplete: %+v", c)
		case c.Issued.Before(time.Unix(0, 0)) && !c.Issued.IsZero():
			t.Fatalf("issued %v", c.Issued)
		}
		saved, err := c.Save()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Load(saved)
		if err != nil {
			t.Fatalf("%v\n%s", err, saved)
		}
		twice, err := again.Save()
		if err != nil || again.ID != c.ID || again.Secret != c.Secret || string(twice) != string(saved) ||
			!again.Issued.Equal(c.Issued) {
			t.Fatalf("%+v is %+v after it was loaded (%v)", c, again, err)
		}
		if d := again.Differences(c.Metadata); len(d) != 0 {
			t.Fatalf("differences %v", d)
		}
	})
}

// FuzzRefusal: whatever stands in an error answer, the error is short and printable.
func FuzzRefusal(f *testing.F) {
	f.Add([]byte(`{"error":"invalid_redirect_uri","error_description":"no"}`), "5")
	f.Add([]byte(`{"error":"\u0000 secret","error_description":"`+strings.Repeat("€", 1000)+`"}`), "x")
	f.Add([]byte("\xff"), "-1")
	f.Fuzz(func(t *testing.T, raw []byte, after string) {
		e := refusal("register", &http.Response{StatusCode: 400, Header: http.Header{"Retry-After": {after}}}, raw,
			time.Unix(1795737600, 0))
		if s := e.Error(); len(s) > 1000 || !utf8.ValidString(s) || strings.ContainsAny(s, "\x00\n") ||
			e.RetryAfter < 0 || e.RetryAfter > maxRetryAfter {
			t.Fatalf("%q after %v", s, e.RetryAfter)
		}
	})
}

// Order does not make a difference, values do.
func TestDifferences(t *testing.T) {
	asked := Metadata{RedirectURIs: []string{"https://a.example/1", "https://a.example/2"}, Scope: "openid profile",
		Name:       "Notes",
		GrantTypes: []string{"authorization_code"}, SoftwareStatement: "x",
		More: map[string]any{"tos_uri": "https://a.example/tos"}}
	for name, c := range map[string]struct {
		change func(*Metadata)
		want   []string
	}{
		"none": {func(*Metadata) {}, nil},
		"order": {func(m *Metadata) {
			m.Scope, m.RedirectURIs = "profile  openid", []string{"https://a.example/2", "https://a.example/1"}
		}, nil},
		"more":   {func(m *Metadata) { m.LogoURI, m.SoftwareStatement = "https://a.example/logo", "" }, nil},
		"scope":  {func(m *Metadata) { m.Scope = "openid" }, []string{"scope"}},
		"lacks":  {func(m *Metadata) { m.Name, m.More = "", nil }, []string{"client_name", "tos_uri"}},
		"grants": {func(m *Metadata) { m.GrantTypes = append(m.GrantTypes, "implicit") }, []string{"grant_types"}},
	} {
		got := asked
		got.GrantTypes = append([]string(nil), asked.GrantTypes...)
		c.change(&got)
		if d := (Client{Metadata: got}).Differences(asked); !reflect.DeepEqual(d, c.want) {
			t.Errorf("%s: %v, want %v", name, d, c.want)
		}
	}
}

// The names of the fields are the ones that are known.
func TestKnown(t *testing.T) {
	if len(known) < 20 || known[0] != "redirect_uris" {
		t.Errorf("known %v", known)
	}
	for _, name := range known {
		if name == "" || name == "-" {
			t.Errorf("known %v", known)
		}
	}
	var m Metadata
	if raw, err := json.Marshal(m); err != nil || string(raw) != "{}" {
		t.Errorf("%s, %v: what is zero is left to the IdP", raw, err)
	}
}
