package idpmock_test

import (
	"os"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

func between(t *testing.T, file, from, to string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), from)
	part, _, ok2 := strings.Cut(rest, to)
	if !ok || !ok2 {
		t.Fatalf("%s has no part from %q to %q", file, from, to)
	}
	return part
}

// The README's first program is a test file that runs as it stands.
func TestReadmeShowsTheFirstUse(t *testing.T) {
	source, err := os.ReadFile("../firstuse/notes_test.go")
	if err != nil {
		t.Fatal(err)
	}
	if readme := between(t, "../README.md", "```go\n", "```"); readme != string(source) {
		t.Errorf("the README says\n%s\nthe file is\n%s", readme, source)
	}
}

// The README's table has a row for each temperament, in which the columns about
// calls say what the temperament says.
func TestReadmeShowsTheTemperaments(t *testing.T) {
	calls := map[string]idpmock.Endpoint{"refresh": idpmock.EndpointRefresh, "userinfo": idpmock.EndpointUserinfo,
		"introspection": idpmock.EndpointIntrospect}
	for _, name := range idpmock.TemperamentNames() {
		columns := strings.Split(between(t, "../README.md", "\n| "+name+" |", "\n"), " | ")
		temper, err := idpmock.Like(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, does := range map[int]func(idpmock.Endpoint) bool{2: temper.Extends, 3: temper.Proves} {
			for call, endpoint := range calls {
				shown := columns[i] == "all" || strings.Contains(columns[i], call)
				if (name == "oidc-provider" || name == "logto") && i == 3 && call == "refresh" {
					continue // their refresh tokens stand outside the session
				}
				if shown != does(endpoint) {
					t.Errorf("%s, column %d: %q, but %s: %v", name, i, columns[i], call, does(endpoint))
				}
			}
		}
		if has := temper.Has("revocation_endpoint"); has == strings.Contains(columns[4], "no endpoint") {
			t.Errorf("%s: %q", name, columns[4])
		}
		if has := temper.Has("backchannel_logout_supported"); has == strings.HasPrefix(columns[5], "none") {
			t.Errorf("%s: %q", name, columns[5])
		}
	}
}

// The README's configuration can be read.
func TestReadmeShowsAGoodConfiguration(t *testing.T) {
	var c idpmock.Config
	if err := c.UnmarshalJSON([]byte(between(t, "../README.md", "```json\n", "```"))); err != nil {
		t.Fatal(err)
	}
	c.Issuer = "https://idp.example"
	idp, err := idpmock.New(c)
	if err != nil {
		t.Fatal(err)
	}
	idp.Close()
}
