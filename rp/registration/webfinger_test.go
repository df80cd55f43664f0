package registration

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/memnet"
)

// H -discovery-webfinger-acct and -discovery-webfinger-url.
func TestWebFinger(t *testing.T) {
	network := memnet.New()
	defer network.Close()
	var asked string
	status, body := 200, ""
	stop, err := network.Serve("example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r.URL.Query().Get("resource")
		if r.URL.Path != "/.well-known/webfinger" || r.URL.Query().Get("rel") != issuerRel {
			status = 400
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	find := func(who string) (string, error) {
		return WebFinger(t.Context(), network.Client(), func(host string) bool { return host == "example.com" }, who)
	}
	const good = `{"subject":"x","links":[{"rel":"avatar","href":"https://example.com/a.png"},{"rel":"` + issuerRel +
		`","href":"https://idp.example.com/t"}]}`
	for who, resource := range map[string]string{
		"ada@example.com": "acct:ada@example.com", "acct:ada@example.com": "acct:ada@example.com",
		" ada@example.com ":    "acct:ada@example.com",
		"ada@work@example.com": "acct:ada@work@example.com", "https://example.com/ada#me": "https://example.com/ada",
		"example.com/ada": "https://example.com/ada",
	} {
		status, body = 200, good
		if got, err := find(who); err != nil || got != "https://idp.example.com/t" || asked != resource {
			t.Errorf("%q: %q, %v; asked for %q", who, got, err, asked)
		}
	}
	asked = ""
	for _, who := range []string{"", "=ada", "@ada", "ada@", "ada@evil.example", "ada@evil.example#@",
		"https://user:secret@example.com/", "http://example.com/", "ftp://example.com",
		"ada@example.com/../x", "ada@169.254.169.254", "https://evil.example/@example.com", strings.Repeat("x", 600) +
			"@example.com", "ada@exa mple.com", `ada@example.com\@x`} {
		var bad *ConfigError
		if _, err := find(who); !errors.As(err, &bad) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", who, err)
		}
	}
	if _, err := WebFinger(context.Background(), network.Client(), nil, "ada@example.com"); err == nil || asked != "" {
		t.Errorf("nobody allowed it: %v", err)
	}
	for name, c := range map[string]struct {
		status int
		body   string
		none   bool // ErrNoIssuer
	}{
		"unknown": {404, "", true}, "no links": {200, "{}", true},
		"another rel":  {200, `{"links":[{"rel":"x","href":"https://a.example"}]}`, true},
		"no JSON":      {200, "<html>", false},
		"plain http":   {200, strings.Replace(good, "https://idp", "http://idp", 1), false},
		"with a query": {200, strings.Replace(good, "/t", "/t?x=1", 1), false}, "a redirect": {302, "", false},
		"down": {503, "", false},
	} {
		status, body = c.status, c.body
		if got, err := find("ada@example.com"); err == nil || got != "" || errors.Is(err, ErrNoIssuer) != c.none {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

// FuzzNormalize: what was typed is refused, or asks exactly the host that is shown to allow.
func FuzzNormalize(f *testing.F) {
	for _, s := range []string{"ada@example.com", "acct:a@b", "https://example.com/a?b#c", "example.com:8443", "a@b@c",
		"//x", "a@[::1]", "\x00@a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, who string) {
		resource, host, err := normalize(who)
		if err != nil {
			return
		}
		r, err := http.NewRequest(http.MethodGet, "https://"+host+"/.well-known/webfinger", nil)
		if err != nil || r.URL.Host != host || r.URL.Path != "/.well-known/webfinger" || r.URL.User != nil ||
			resource == "" || strings.ContainsAny(host, "/?#@ ") {
			t.Fatalf("%q asks %q of %q (%v)", who, resource, host, err)
		}
	})
}

// FuzzIssuer: an answer is refused, or names an https URL.
func FuzzIssuer(f *testing.F) {
	f.Add([]byte(`{"links":[{"rel":"` + issuerRel + `","href":"https://idp.example.com"}]}`))
	f.Add([]byte(`{"links":[null,{"REL":"` + issuerRel + `","href":"javascript:0"}]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if got, err := issuerOf(raw); err == nil && !strings.HasPrefix(strings.ToLower(got), "http") {
			t.Fatalf("%q", got)
		}
	})
}
