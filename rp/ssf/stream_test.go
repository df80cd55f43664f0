package ssf_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/transmitter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/ssf"
)

// A stream is made, read, paused, resumed and deleted (the conformance suite's
// openid-ssf-receiver-stream-create-delete, -status-update, -supported-events).
func TestStream(t *testing.T) {
	bothWays(t, setup{}, func(w *world, method string) {
		ctx := w.Context()
		made := w.stream(method)
		if made.ID == "" || made.Method != method ||
			!slices.Equal(made.Audience, []string{audience, "https://notes.example/mobile"}) ||
			!slices.Equal(made.EventsDelivered, []string{ssf.SessionRevoked}) {
			w.Errorf("stream %+v", made)
		}
		read, err := w.client.Stream(ctx, made.ID)
		if err != nil || read.ID != made.ID || read.URL != made.URL {
			w.Errorf("read %+v, %v", read, err)
		}
		var status *ssf.StatusError
		if _, err := w.client.CreateStream(ctx, ssf.StreamRequest{Method: ssf.Poll}); !errors.As(err, &status) ||
			status.Status != 409 {
			w.Errorf("a second stream: %v", err)
		}
		for _, s := range []ssf.StreamStatus{ssf.Paused, ssf.Disabled, ssf.Enabled} {
			if err := w.client.SetStatus(ctx, made.ID, s); err != nil {
				w.Error(err)
			}
			if got, err := w.client.Status(ctx, made.ID); got != s || err != nil {
				w.Errorf("status %q, %v, want %q", got, err, s)
			}
		}
		if err := w.client.SetStatus(ctx, made.ID, "gone"); err == nil {
			w.Error("an unknown status was accepted")
		}
		if err := w.client.DeleteStream(ctx, made.ID); err != nil {
			w.Error(err)
		}
		if _, err := w.client.Stream(ctx, made.ID); !errors.As(err, &status) || status.Status != 404 {
			w.Errorf("a deleted stream: %v", err)
		}
		if err := w.client.DeleteStream(ctx, made.ID); !errors.As(err, &status) || status.Status != 404 {
			w.Errorf("a deleted stream, deleted again: %v", err)
		}
	})
}

// A stream is changed in part and as a whole (§8.1.1.3, §8.1.1.4).
func TestChangeStream(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		ctx := w.Context()
		made := w.stream(ssf.Push)
		got, err := w.client.UpdateStream(ctx, made.ID,
			ssf.StreamRequest{Events: []string{ssf.SessionRevoked, transmitter.EventTypeCredential}})
		if err != nil || len(got.EventsDelivered) != 2 || got.Method != ssf.Push || got.URL != pushURL {
			w.Errorf("with more events: %+v, %v", got, err)
		}
		got, err = w.client.UpdateStream(ctx, made.ID, ssf.StreamRequest{Method: ssf.Poll})
		if err != nil || len(got.EventsDelivered) != 2 || got.Method != ssf.Poll || got.URL == pushURL {
			w.Errorf("by poll: %+v, %v", got, err)
		}
		got, err = w.client.ReplaceStream(ctx, made.ID, ssf.StreamRequest{Method: ssf.Push, PushURL: pushURL,
			PushToken: pushToken})
		if err != nil || !slices.Equal(got.EventsDelivered, []string{ssf.SessionRevoked}) || got.Method != ssf.Push ||
			got.ID != made.ID {
			w.Errorf("replaced: %+v, %v", got, err)
		}
		w.receiverOf(got) // events come with the token that was given
		ada := w.signedIn("ada")
		time.Sleep(time.Second)
		w.accepted(got, ada.revoked())
		ada.expect("ended")

		var status *ssf.StatusError
		if _, err := w.client.UpdateStream(ctx, "another", ssf.StreamRequest{Description: "x"}); !errors.As(err,
			&status) || status.Status != 404 {
			w.Errorf("an unknown stream: %v", err)
		}
		for field, r := range map[string]ssf.StreamRequest{
			"StreamRequest.Method":    {PushURL: pushURL, PushToken: pushToken},
			"StreamRequest.PushToken": {Method: ssf.Push, PushURL: pushURL},
			"StreamRequest.PushURL":   {Method: ssf.Push, PushURL: "http://notes.example", PushToken: pushToken},
		} {
			var bad *ssf.ConfigError
			if _, err := w.client.UpdateStream(ctx, made.ID, r); !errors.As(err, &bad) || bad.Field != field {
				w.Errorf("%v, want a fault of %s", err, field)
			}
		}
		if _, err := w.client.ReplaceStream(ctx, made.ID, ssf.StreamRequest{}); err == nil {
			w.Error("a stream was replaced by nothing")
		}
		for name, f := range map[string]func() error{
			"UpdateStream": func() error { _, err := w.client.UpdateStream(ctx, "", ssf.StreamRequest{}); return err },
			"ReplaceStream": func() error {
				_, err := w.client.ReplaceStream(ctx, "", ssf.StreamRequest{Method: ssf.Poll})
				return err
			},
			"Stream":       func() error { _, err := w.client.Stream(ctx, ""); return err },
			"DeleteStream": func() error { return w.client.DeleteStream(ctx, "") },
			"AddSubject": func() error {
				return w.client.AddSubject(ctx, "", ssf.SubjectID{Format: "opaque", ID: "1"})
			},
		} {
			if err := f(); err == nil || !strings.Contains(err.Error(), "id is empty") {
				w.Errorf("%s without an id: %v", name, err)
			}
		}
		var bad *ssf.ConfigError
		for _, s := range []ssf.SubjectID{{}, {Format: "iss_sub", Issuer: "https://idp.example"}, {Format: "email"},
			{Format: "complex"}} {
			if err := w.client.AddSubject(ctx, made.ID, s); !errors.As(err, &bad) || bad.Field != "SubjectID" {
				w.Errorf("%+v: %v", s, err)
			}
		}
	})
}

// What a transmitter answers to a change is not believed blindly.
func TestChangeAnswers(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		status, body := 200, ""
		mux := http.NewServeMux()
		mux.HandleFunc("GET /.well-known/ssf-configuration", func(rw http.ResponseWriter, _ *http.Request) {
			_ = json.NewEncoder(rw).Encode(map[string]string{"issuer": "https://odd.example",
				"jwks_uri": "https://odd.example/jwks", "configuration_endpoint": "https://odd.example/s"})
		})
		mux.HandleFunc("/s", func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(status)
			_, _ = rw.Write([]byte(body))
		})
		w.serve("odd.example", mux)
		cfg := w.transmitterConfig()
		cfg.Issuer = "https://odd.example"
		client, err := ssf.Discover(w.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		good := `{"stream_id":"1","iss":"https://odd.example","aud":"a","delivery":{"method":"urn:ietf:rfc:8935"}}`
		for name, c := range map[string]struct {
			status int
			body   string
			want   int // of a *StatusError; 0 none, -1 another error
		}{
			"good":           {200, good, 0},
			"later":          {202, "", 202},
			"not offered":    {405, "", 405},
			"another stream": {200, strings.Replace(good, `"1"`, `"2"`, 1), -1},
			"another iss":    {200, strings.Replace(good, "odd", "evil", 1), -1},
			"no JSON":        {200, "<html>", -1},
		} {
			status, body = c.status, c.body
			for _, change := range []func() error{
				func() error {
					_, err := client.UpdateStream(w.Context(), "1", ssf.StreamRequest{Description: "x"})
					return err
				},
				func() error {
					_, err := client.ReplaceStream(w.Context(), "1", ssf.StreamRequest{Method: ssf.Poll})
					return err
				},
			} {
				err := change()
				got := &ssf.StatusError{}
				if (err == nil) != (c.want == 0) || errors.As(err, &got) != (c.want > 0) || c.want > 0 &&
					got.Status != c.want {
					t.Errorf("%s: %v", name, err)
				}
			}
		}
		if err := client.AddSubject(w.Context(), "1", ssf.SubjectID{Format: "opaque", ID: "1"}); !errors.Is(err,
			ssf.ErrNoEndpoint) {
			t.Errorf("without add_subject_endpoint: %v", err)
		}
	})
}

// The authorization header of a push stream is the one that the receiver wants;
// it is shown to nobody.
func TestStreamRequest(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		for field, r := range map[string]ssf.StreamRequest{
			"StreamRequest.Method":    {},
			"StreamRequest.PushURL":   {Method: ssf.Push, PushToken: pushToken},
			"StreamRequest.PushToken": {Method: ssf.Push, PushURL: pushURL, PushToken: "short"},
		} {
			var bad *ssf.ConfigError
			if _, err := w.client.CreateStream(w.Context(), r); !errors.As(err, &bad) || bad.Field != field {
				t.Errorf("%v, want a fault of %s", err, field)
			}
		}
	})
}

// What a transmitter answers is not believed blindly.
func TestStreamAnswers(t *testing.T) {
	good := map[string]any{"stream_id": "1", "iss": "https://odd.example", "aud": "a",
		"delivery": map[string]any{"method": ssf.Poll, "endpoint_url": "https://odd.example/p"}}
	for name, change := range map[string]func(map[string]any){
		"good":         nil,
		"another iss":  func(m map[string]any) { m["iss"] = "https://odd.example/" },
		"no stream_id": func(m map[string]any) { delete(m, "stream_id") },
		"no aud":       func(m map[string]any) { delete(m, "aud") },
		"no delivery":  func(m map[string]any) { delete(m, "delivery") },
		"poll by plain http": func(m map[string]any) {
			m["delivery"] = map[string]any{"method": ssf.Poll, "endpoint_url": "http://odd.example/p"}
		},
		"huge": func(m map[string]any) { m["description"] = strings.Repeat("x", 1<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{}, func(w *world) {
				mux := http.NewServeMux()
				mux.HandleFunc("GET /.well-known/ssf-configuration", func(rw http.ResponseWriter, _ *http.Request) {
					_ = json.NewEncoder(rw).Encode(map[string]string{"issuer": "https://odd.example",
						"jwks_uri": "https://odd.example/jwks", "configuration_endpoint": "https://odd.example/s"})
				})
				mux.HandleFunc("GET /s", func(rw http.ResponseWriter, _ *http.Request) {
					m := map[string]any{}
					for k, v := range good {
						m[k] = v
					}
					if change != nil {
						change(m)
					}
					_ = json.NewEncoder(rw).Encode(m)
				})
				w.serve("odd.example", mux)
				cfg := w.transmitterConfig()
				cfg.Issuer = "https://odd.example"
				client, err := ssf.Discover(w.Context(), cfg)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := client.Stream(w.Context(), "1"); (err == nil) != (change == nil) {
					t.Errorf("error %v", err)
				}
				if _, err := client.Status(w.Context(), "1"); !errors.Is(err, ssf.ErrNoEndpoint) {
					t.Errorf("without status_endpoint: %v", err)
				}
				if err := client.SetStatus(w.Context(), "1", ssf.Paused); !errors.Is(err, ssf.ErrNoEndpoint) {
					t.Errorf("without status_endpoint: %v", err)
				}
			})
		})
	}
}

// A token for the management API is needed, and goes nowhere else.
func TestAccessToken(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		stream := w.stream(ssf.Poll)
		for name, token := range map[string]func(context.Context) (rp.Secret, error){
			"none": nil, "wrong": func(context.Context) (rp.Secret, error) { return "wrong", nil },
			"of another receiver": func(context.Context) (rp.Secret, error) { return "of-somebody-else", nil },
		} {
			cfg := w.transmitterConfig()
			cfg.AccessToken = token
			client, err := ssf.Discover(w.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			var status *ssf.StatusError
			want := 401
			if name == "of another receiver" {
				want = 404
			}
			if _, err := client.Stream(w.Context(), stream.ID); !errors.As(err, &status) || status.Status != want {
				t.Errorf("%s: %v", name, err)
			}
		}
		// A redirect is not followed, so the token does not leave.
		leaked := false
		w.serve("evil.example", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			leaked = leaked || r.Header.Get("Authorization") != ""
		}))
		w.serve("moved.example", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "ssf-configuration") {
				_ = json.NewEncoder(rw).Encode(map[string]string{"issuer": "https://moved.example",
					"jwks_uri": "https://moved.example/jwks", "configuration_endpoint": "https://moved.example/s"})
				return
			}
			http.Redirect(rw, r, "https://evil.example/", http.StatusTemporaryRedirect)
		}))
		cfg := w.transmitterConfig()
		cfg.Issuer = "https://moved.example"
		client, err := ssf.Discover(w.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := client.Stream(w.Context(), "1"); err == nil || leaked {
			t.Errorf("error %v, leaked %v", err, leaked)
		}
	})
}
