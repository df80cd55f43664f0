package outside

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCode(t *testing.T) {
	for in, want := range map[string]string{
		"invalid_grant": "invalid_grant", "": "", "slow_down": "slow_down",
		strings.Repeat("a", 64):       strings.Repeat("a", 64),
		strings.Repeat("a", 65):       "(65 bytes that are no error code)",
		"Ab3-x":                       "(5 bytes that are no error code)",
		"invalid_grant\nforged: line": "(26 bytes that are no error code)",
		"refresh token r7":            "(16 bytes that are no error code)",
	} {
		if got := Code(in); got != want {
			t.Errorf("Code(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestText(t *testing.T) {
	for in, want := range map[string]string{
		"Token is not active":                               "Token is not active",
		"AADSTS50011: no redirect\nforged: x":               "AADSTS50011: no redirectforged: x",
		"unmet_authentication_requirements at realm":        "unmet_authentication_requirements at realm",
		"Invalid token eyJhbGciOiJFUzI1NiJ9.e30.Sig, sorry": "Invalid token …, sorry",
		"code=b1946ac92492d2347c6235b4d2611184":             "…",
		"DPoP":                                              "DPoP", "N_A": "N_A", "\u212Aelvin": "elvin", "": "",
		strings.Repeat("word ", 9): strings.Repeat("word ", 8) + "…",
		strings.Repeat("word ", 8): strings.Repeat("word ", 8), "about ~ 5": "about ~ 5",
	} {
		if got := Text(in, 40); got != want && len(in) > 0 && !(len(want) > 40 && strings.HasPrefix(want, got[:39])) {
			t.Errorf("Text(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestError(t *testing.T) {
	dial := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
	for _, row := range []struct {
		err  error
		want string
	}{
		{&url.Error{Op: "Post", URL: "https://idp.example/token?secret", Err: dial}, "dial tcp: connection refused"},
		{fmt.Errorf("call: %w", &url.Error{Op: "Get", URL: "https://idp.example/?secret", Err: io.ErrUnexpectedEOF}),
			"unexpected EOF"},
		{fmt.Errorf("%q is no header", "secret"), "… is no header"},
		{fmt.Errorf("malformed HTTP response %q", `secret "in quotes" here`), "malformed HTTP response …"},
		{textproto.ProtocolError(fmt.Sprintf("malformed MIME header line: %q", "X-secret")),
			"malformed MIME header line: …"},
		{fmt.Errorf("first %q, second %q: broken", "secret", "secret"), "first …: broken"},
		{errors.New(`one " alone`), "one … alone"},
		{context.DeadlineExceeded, "context deadline exceeded"},
	} {
		got := Error(row.err)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			for _, err := range []error{got, fmt.Errorf("it did not answer: %w", got)} {
				if text := fmt.Sprintf(verb, err); strings.Contains(text, "secret") ||
					strings.Contains(text, "736563726574") {
					t.Errorf("%s: %s", verb, text)
				}
			}
		}
		if got.Error() != row.want {
			t.Errorf("%q, want %q", got, row.want)
		}
		for err := got; err != nil; err = errors.Unwrap(err) {
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("on the way: %v", err)
			}
		}
	}
}

// A program still tells one failure from the other.
func TestErrorIsAndAs(t *testing.T) {
	dial := &net.OpError{Op: "dial", Err: io.EOF}
	err := fmt.Errorf("it did not answer: %w", Error(&url.Error{Op: "Get", URL: "https://idp.example/", Err: dial}))
	var op *net.OpError
	if !errors.As(err, &op) || op != dial || !errors.Is(err, io.EOF) || errors.Is(err, http.ErrHandlerTimeout) {
		t.Errorf("%v", err)
	}
	if !errors.Is(Error(context.Canceled), context.Canceled) {
		t.Error("a cancelled context is none any more")
	}
}

func FuzzText(f *testing.F) {
	f.Add(`malformed HTTP response "x"`)
	f.Add(strings.Repeat("ä", 300))
	f.Fuzz(func(t *testing.T, s string) {
		got := Error(errors.New(s)).Error()
		if len(got) > maxText+len("…")*2 || strings.Contains(got, `"`) || utf8.ValidString(s) &&
			!utf8.ValidString(got) {
			t.Errorf("%q becomes %q", s, got)
		}
	})
}
