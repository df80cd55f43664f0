package ssf_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/transmitter"
	"github.com/tandem-sso/tandem/rp/ssf"
)

func TestDiscover(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		// With a path the well-known part stands before it (§7.2.1).
		deep, err := transmitter.New(w.idp.IDP, transmitter.Config{Issuer: "https://deep.example/tenant/7",
			Receivers: []transmitter.Receiver{{Token: apiToken, Audience: []string{audience}}}})
		if err != nil {
			t.Fatal(err)
		}
		w.Cleanup(func() { deep.Close() })
		w.serve("deep.example", deep.Handler())
		cfg := w.transmitterConfig()
		cfg.Issuer = "https://deep.example/tenant/7"
		found, err := ssf.Discover(w.Context(), cfg)
		if err != nil || found.Issuer() != cfg.Issuer {
			t.Fatalf("%v", err)
		}
		if _, err := found.CreateStream(w.Context(), ssf.StreamRequest{Method: ssf.Poll}); err != nil {
			t.Error(err)
		}

		meta := map[string]any{"issuer": "https://odd.example", "jwks_uri": "https://odd.example/jwks"}
		w.serve("odd.example", http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(rw).Encode(meta)
		}))
		for name, c := range map[string]struct {
			issuer string
			meta   map[string]any
			field  bool // it is the configuration's fault
		}{
			"good":           {issuer: "https://odd.example"},
			"empty":          {field: true},
			"http":           {issuer: "http://odd.example", field: true},
			"query":          {issuer: "https://odd.example?a=b", field: true},
			"another issuer": {issuer: "https://odd.example/x", field: true},
			"no keys":        {issuer: "https://odd.example", meta: map[string]any{"jwks_uri": ""}, field: true},
			"keys by http": {issuer: "https://odd.example",
				meta: map[string]any{"jwks_uri": "http://odd.example/jwks"}, field: true},
			"endpoint by http": {issuer: "https://odd.example",
				meta: map[string]any{"verification_endpoint": "http://odd.example/v"}, field: true},
			"not there": {issuer: "https://nowhere.example"},
			"not JSON":  {issuer: "https://odd.example", meta: map[string]any{"issuer": 7}},
		} {
			meta = map[string]any{"issuer": "https://odd.example", "jwks_uri": "https://odd.example/jwks"}
			for k, v := range c.meta {
				meta[k] = v
			}
			cfg := w.transmitterConfig()
			cfg.Issuer = c.issuer
			_, err := ssf.Discover(w.Context(), cfg)
			var bad *ssf.ConfigError
			switch {
			case name == "good" && err != nil, name != "good" && err == nil, errors.As(err, &bad) != c.field:
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Every fault of a configuration is named, all at once.
func TestConfig(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		good := ssf.Config{Sessions: w.auth, Transmitter: w.client, Audience: []string{audience}, PushToken: pushToken}
		if r, err := ssf.New(good); err != nil {
			t.Error(err)
		} else if err := errors.Join(r.Close(), r.Close()); err != nil {
			t.Error(err)
		}
		for field, change := range map[string]func(*ssf.Config){
			"Config.Sessions":    func(c *ssf.Config) { c.Sessions = nil },
			"Config.Transmitter": func(c *ssf.Config) { c.Transmitter = nil },
			"Config.Audience":    func(c *ssf.Config) { c.Audience = nil },
			"Config.PushToken":   func(c *ssf.Config) { c.PushToken = "" },
			"Config.PollURL":     func(c *ssf.Config) { c.PollURL = "http://ssf.example/poll" },
			"Config.PollEvery":   func(c *ssf.Config) { c.PollEvery = -time.Second },
			"Config.MaxEvents":   func(c *ssf.Config) { c.MaxEvents = 1000 },
			"Config.Alg":         func(c *ssf.Config) { c.Alg = "none" },
		} {
			cfg := good
			change(&cfg)
			_, err := ssf.New(cfg)
			var bad *ssf.ConfigError
			if !errors.As(err, &bad) || bad.Field != field || bad.Cure == "" {
				t.Errorf("%s: %v", field, err)
			}
		}
		_, err := ssf.New(ssf.Config{Alg: "HS256", MaxEvents: -1})
		for _, field := range []string{"Sessions", "Transmitter", "Audience", "PushToken", "Alg", "MaxEvents"} {
			if err == nil || !strings.Contains(err.Error(), "Config."+field) {
				t.Errorf("%v does not name %s", err, field)
			}
		}
		if r, err := ssf.New(good); err != nil {
			t.Error(err)
		} else {
			defer r.Close()
			var bad *ssf.ConfigError
			if err := r.Verify(w.Context()); !errors.As(err, &bad) || bad.Field != "Config.StreamID" {
				t.Errorf("Verify without a stream: %v", err)
			}
		}
	})
}
