package printtest

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// What shows a secret is found in every form.
func TestFound(t *testing.T) {
	const secret = "a+secret/of \"32\" bytes, or longer"
	s := Secrets{"password": secret}
	for name, text := range map[string]string{
		"as it is": "x" + secret, "cut off": secret[:30],
		"in a URL": "?a=" + url.QueryEscape(secret), "quoted": fmt.Sprintf("%q", secret),
		"hex": fmt.Sprintf("%x", secret), "HEX": fmt.Sprintf("%X", secret), "hex, spaced": fmt.Sprintf("% x", secret),
		"bytes": fmt.Sprint([]byte(secret)), "bytes in Go": fmt.Sprintf("%#v", []byte(secret)),
	} {
		if s.Found(text) != "password" {
			t.Errorf("%s: not found in %s", name, text)
		}
	}
	if got := s.Found("[redacted] " + secret[:10]); got != "" {
		t.Errorf("found %q", got)
	}
	if s := (Secrets{"nothing": ""}); s.Found("x") == "" {
		t.Error("an empty secret proves something")
	}
}

type hidden struct{ secret string }

type shy struct{ secret string }

func (*shy) String() string { return "shy" }

// Every way of printing is tried.
func TestPrinted(t *testing.T) {
	const secret = "the-secret-that-nobody-sees"
	shown := map[string]bool{}
	for how, text := range printed(&hidden{secret}) {
		if (Secrets{"s": secret}).Found(text) != "" {
			shown[how] = true
		}
	}
	for _, how := range []string{"%v", "%+v", "%#v", "%d", "Sprint", "slog as text", "text/template"} {
		if !shown[how] {
			t.Errorf("%s shows no unexported field: is it tried?", how)
		}
	}
	for _, text := range printed(&shy{secret}) { // a String method is not enough
		if strings.Contains(text, secret) {
			return
		}
	}
	t.Error("a String method hides everything: the verbs that do not ask for it are not tried")
}
