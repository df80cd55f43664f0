// Package outside decides what of a text that came from outside may stand in an error
// or a log. A server that is broken, or that somebody has broken into, repeats what it
// was sent: a token in the error code, in the status line, in a header that net/http
// then quotes. So only what cannot be a secret is shown.
package outside

import (
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"
)

const (
	maxCode = 64
	maxText = 300

	codeLetters = "abcdefghijklmnopqrstuvwxyz_"
)

// Code is an error code of OAuth 2.0 or OpenID Connect, as it may be shown. Those that
// are registered consist of lower-case letters and underscores; whatever else stands in
// the place of one is only counted.
func Code(code string) string {
	if len(code) <= maxCode && strings.Trim(code, codeLetters) == "" {
		return code
	}
	return fmt.Sprintf("(%d bytes that are no error code)", len(code))
}

// Text is a few words, such as an error_description, as they may be shown: printable
// ASCII, at most so many bytes, and "…" for what may be a token. That is a run of 16
// characters or more of which tokens are made (RFC 6750 §2.1), unless it looks like an
// error code. A password that is shorter is not found.
func Text(words string, most int) string {
	words = strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, words)
	words = tokenLike.ReplaceAllStringFunc(words, func(run string) string {
		if len(run) > maxCode || strings.Trim(run, codeLetters) != "" {
			return "…"
		}
		return run
	})
	return cut(words, most)
}

var tokenLike = regexp.MustCompile(`[A-Za-z0-9._~+/=%-]{16,}`)

// Error is a failed HTTP call, as it may be shown: the kind of the failure without the
// URL, and without what net/http quotes of the answer. errors.Is and errors.As find in
// it what they find in err; Unwrap does not lead to it, because there are loggers that
// print every error on the way.
func Error(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	return &said{text: text(err.Error()), err: err}
}

// As is err, as it may be shown, in other words.
func As(err error, format string, args ...any) error {
	return &said{text: fmt.Sprintf(format, args...), err: err}
}

// text leaves out everything between the first quotation mark and the last one: with %q
// net/http marks what it has from the other side.
func text(s string) string {
	first, last := strings.IndexByte(s, '"'), strings.LastIndexByte(s, '"')
	if first >= 0 {
		s = s[:first] + "…" + s[last+1:]
	}
	return cut(s, maxText)
}

func cut(s string, most int) string {
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

type said struct {
	text string
	err  error
}

func (e *said) Error() string        { return e.text }
func (e *said) Is(target error) bool { return errors.Is(e.err, target) }
func (e *said) As(target any) bool   { return errors.As(e.err, target) }

// Format is for %#v and the like, which would look inside.
func (e *said) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.text) }
