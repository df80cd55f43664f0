package resourceserver_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp/resourceserver"
)

func TestConfigErrorsNameTheField(t *testing.T) {
	i := start(t)
	good := resourceserver.Config{Issuer: i.URL, ClientID: "api", ClientSecret: "s3cret"}
	for field, change := range map[string]func(*resourceserver.Config){
		"Issuer":           func(c *resourceserver.Config) { c.Issuer = "" },
		"IntrospectionURL": func(c *resourceserver.Config) { c.IntrospectionURL = "http://idp.example/i" },
		"ClientID":         func(c *resourceserver.Config) { c.ClientID = "" },
		"ClientSecret":     func(c *resourceserver.Config) { c.ClientSecret = "" },
		"Audience":         func(c *resourceserver.Config) { c.Audience = []string{"api", ""} },
		"BaseURL":          func(c *resourceserver.Config) { c.BaseURL = "api.example" },
		"CacheFor":         func(c *resourceserver.Config) { c.CacheFor = -1 },
		"CacheSize":        func(c *resourceserver.Config) { c.CacheSize = -1 },
		"Timeout":          func(c *resourceserver.Config) { c.Timeout = -1 },
	} {
		c := good
		change(&c)
		var wrong *resourceserver.ConfigError
		if _, err := resourceserver.New(t.Context(), c); !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	c := good
	c.Issuer = "https://user@x"
	if _, err := resourceserver.New(t.Context(), c); err == nil {
		t.Error("an issuer with a user was taken")
	}
}

func TestDiscovery(t *testing.T) {
	for name, meta := range map[string]map[string]string{
		"another issuer (CORE-04)": {"issuer": `"https://evil.example"`},
		"no endpoint":              {"introspection_endpoint": `""`},
		"endpoint in clear":        {"introspection_endpoint": `"http://idp.example/introspect"`},
		"malformed":                {"introspection_endpoint": `7`},
	} {
		i := start(t)
		i.meta.Store(&meta)
		if _, err := resourceserver.New(t.Context(), resourceserver.Config{Issuer: i.URL, ClientID: "api",
			ClientSecret: "x"}); err == nil {
			t.Error(name)
		}
	}
	// Unreachable is no ConfigError: trying again may help.
	var wrong *resourceserver.ConfigError
	if _, err := resourceserver.New(t.Context(), resourceserver.Config{Issuer: "http://127.0.0.1:1", ClientID: "api",
		ClientSecret: "x"}); err == nil || errors.As(err, &wrong) {
		t.Error(err)
	}
}

// A Secret never prints, by whatever verb.
func TestSecretDoesNotPrint(t *testing.T) {
	cfg := resourceserver.Config{ClientID: "api", ClientSecret: "hunter2"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "% x", "%X", "%d", "%t", "%c", "%U"} {
		for _, v := range []any{cfg, &cfg, cfg.ClientSecret, []any{cfg.ClientSecret}} {
			if got := fmt.Sprintf(verb, v); strings.Contains(got, "hunter2") || strings.Contains(got, "104 117 110") ||
				strings.Contains(got, "68756e") {
				t.Errorf("%s: %s", verb, got)
			}
		}
	}
}
