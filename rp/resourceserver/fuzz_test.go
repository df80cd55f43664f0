package resourceserver_test

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/resourceserver"
)

type answers func() string

func (a answers) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: 200, Status: "200 OK", Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(a()))}, nil
}

// FuzzIntrospection: whatever the IdP answers, a token is good only if it says so
// plainly, and nonsense is trouble, not a verdict.
func FuzzIntrospection(f *testing.F) {
	for _, s := range []string{
		`{"active":true}`, `{"active":false}`, `{"active":null}`, `{"active":"true"}`, `{}`, `[]`, `null`, ``,
		`{"active":true,"exp":1e300}`, `{"active":true,"exp":1,"aud":["a"]}`,
		`{"active":true,"aud":"a","scope":"x y","cnf":{}}`, `{"active":true,"active":false}`, `{"ACTIVE":true}`,
	} {
		f.Add(s)
	}
	var body string
	now := time.Date(2026, 11, 21, 8, 0, 0, 0, time.UTC)
	s, err := resourceserver.New(f.Context(), resourceserver.Config{IntrospectionURL: "https://idp.example/introspect",
		ClientID: "api", ClientSecret: "s3cret",
		HTTPClient: &http.Client{Transport: answers(func() string {
			return body
		})}, Now: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer string) {
		body = answer
		token, err := s.Introspect(t.Context(), "token")
		var trouble *resourceserver.UnavailableError
		switch {
		case err == nil:
			if token == nil || !strings.Contains(strings.ToLower(answer), "true") || !token.Expires.IsZero() &&
				!now.Before(token.Expires) {
				t.Errorf("%q makes a good token: %+v", answer, token)
			}
		case token != nil:
			t.Errorf("%q: a token beside %v", answer, err)
		case !errors.Is(err, resourceserver.ErrInactive) && !errors.As(err, &trouble):
			t.Errorf("%q: %v", answer, err)
		}
	})
}
