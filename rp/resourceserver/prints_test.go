package resourceserver_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/internal/printtest"
	"github.com/tandem-sso/tandem/rp/resourceserver"
)

const (
	plantedSecret = "the-secret-of-this-api-planted-here"
	plantedToken  = "an-access-token-that-is-planted-here"
)

var planted = printtest.Secrets{
	"client secret": plantedSecret, "access token": plantedToken,
	"Authorization": base64.StdEncoding.EncodeToString([]byte("api:" + plantedSecret)),
}

// Nothing that the package exports prints a secret.
func TestNothingPrints(t *testing.T) {
	i := start(t)
	var config resourceserver.Config
	s := i.server(t, func(c *resourceserver.Config) {
		c.ClientSecret, c.CacheFor = plantedSecret, time.Minute
		config = *c
	})
	token, err := s.Introspect(t.Context(), plantedToken)
	if err != nil {
		t.Fatal(err)
	}
	printtest.Types(t, planted, map[string][]any{
		"ClientKey": {resourceserver.ClientKey{ID: "k", Key: newES256(t)}},
		"Config":    {config}, "Secret": {config.ClientSecret}, "Server": {s, *s}, "Token": {token},
		"ConfigError":      {printtest.Exempt("names a field")},
		"UnavailableError": {printtest.Exempt("TestNothingPrintsOfAHostileServer")},
	})
	printtest.Check(t, "a pointer to Config", planted, []*resourceserver.Config{&config})
	printtest.Check(t, "a context", planted, resourceserver.NewContext(t.Context(), token))
}

// A server that repeats what it was sent puts no secret into an error, a log or an
// answer.
func TestNothingPrintsOfAHostileServer(t *testing.T) {
	for how, answer := range printtest.Echoes() {
		t.Run(how, func(t *testing.T) {
			hostile := httptest.NewServer(printtest.Echo(t, answer))
			defer hostile.Close()
			var log bytes.Buffer
			s, err := resourceserver.New(t.Context(), resourceserver.Config{
				IntrospectionURL: hostile.URL, ClientID: "api", ClientSecret: plantedSecret,
				Logger: slog.New(slog.NewTextHandler(&log, nil)),
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = s.Introspect(t.Context(), plantedToken)
			var trouble *resourceserver.UnavailableError
			if !errors.As(err, &trouble) {
				t.Fatalf("%v", err)
			}
			printtest.Check(t, how, planted, err)
			r := call(s, plantedToken)
			if found := planted.Found(body(r) + log.String()); r.StatusCode != 503 || found != "" {
				t.Errorf("%d; the %s is in the answer or in the log: %s", r.StatusCode, found, &log)
			}
		})
	}
}
