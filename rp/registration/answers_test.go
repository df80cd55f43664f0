package registration_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/internal/printtest"
	"github.com/tandem-sso/tandem/rp/registration"
)

// What an IdP answers is not believed blindly.
func TestAnswers(t *testing.T) {
	inBubble(t, idpmock.Registration{}, func(w *world) {
		status, body := 201, ""
		stop, err := w.idp.Net.Serve("odd.example", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "openid-configuration") {
				_, _ = io.WriteString(rw, body)
				return
			}
			if status == 307 {
				rw.Header().Set("Location", "https://evil.example/")
			}
			rw.WriteHeader(status)
			_, _ = io.WriteString(rw, body)
		}))
		if err != nil {
			w.Fatal(err)
		}
		defer stop()
		c := w.config()
		c.Issuer, c.Endpoint = "https://odd.example", "https://odd.example/register"
		odd := w.discover(c)
		for name, a := range map[string]struct {
			status int
			body   string
			good   bool
		}{
			"good":                {201, `{"client_id":"1","client_secret":"s","client_secret_expires_at":0}`, true},
			"200":                 {200, `{"client_id":"1"}`, true},
			"null members":        {201, `{"client_id":"1","client_secret":null,"logo_uri":null}`, true},
			"no client_id":        {201, `{"client_secret":"s"}`, false},
			"client_id of a kind": {201, `{"CLIENT_ID":"1"}`, false},
			"a number":            {201, `{"client_id":1}`, false},
			"no JSON":             {201, `<html>`, false},
			"a list":              {201, `[]`, false},
			"huge":                {201, `{"client_id":"1","x":"` + strings.Repeat("x", 1<<20) + `"}`, false},
			"a huge secret": {201, `{"client_id":"1","client_secret":"` + strings.Repeat("x", 10<<10) + `"}`,
				false},
			"URL without token":  {201, `{"client_id":"1","registration_client_uri":"https://odd.example/1"}`, false},
			"token without URL":  {201, `{"client_id":"1","registration_access_token":"t"}`, false},
			"URL by plain http":  {201, `{"client_id":"1","registration_access_token":"t","registration_client_uri":"http://odd.example/1"}`, false},
			"no secret":          {201, `{"client_id":"1","token_endpoint_auth_method":"client_secret_post"}`, false},
			"metadata of a kind": {201, `{"client_id":"1","redirect_uris":"https://notes.example"}`, false},
			"a time of a kind":   {201, `{"client_id":"1","client_id_issued_at":"yesterday"}`, false},
			"a redirect":         {307, ``, false},
			"no content":         {204, ``, false},
		} {
			status, body = a.status, a.body
			got, err := odd.Register(w.Context(), registration.For(w.app()))
			if (err == nil) != a.good || a.good && got.ID != "1" || !a.good && got.ID != "" {
				t.Errorf("%s: %+v, %v", name, got, err)
			}
		}
		status, body = 200, `{"client_id":"2","registration_access_token":"t","registration_client_uri":"https://odd.example/2"}`
		client := registration.Client{ID: "1", ManagementURL: "https://odd.example/1", ManagementToken: "t"}
		if _, err := odd.Read(w.Context(), client); err == nil || !strings.Contains(err.Error(), "another client") {
			w.Errorf("another client: %v", err)
		}
		client.ManagementURL = "http://odd.example/1"
		var bad *registration.ConfigError
		if _, err := odd.Read(w.Context(), client); !errors.As(err, &bad) {
			w.Errorf("by plain http: %v", err)
		}
		c.Endpoint = ""
		for name, d := range map[string]struct{ body, field string }{
			"another issuer": {`{"issuer":"https://evil.example","registration_endpoint":"https://odd.example/r"}`,
				"Config.Issuer"},
			"plain http": {`{"issuer":"https://odd.example","registration_endpoint":"http://odd.example/r"}`,
				"Config.Issuer"},
			"no JSON": {`x`, ""},
		} {
			body = d.body
			_, err := registration.Discover(w.Context(), c)
			if err == nil || errors.As(err, &bad) != (d.field != "") {
				w.Errorf("%s: %v", name, err)
			}
		}
	})
}

// Nothing that the package exports prints a secret; only Save writes them.
func TestNothingPrints(t *testing.T) {
	inBubble(t, idpmock.Registration{}, func(w *world) {
		c := w.register(registration.For(w.app()))
		secrets := printtest.Secrets{"initial access token": initialToken, "client secret": string(c.Secret),
			"registration access token": string(c.ManagementToken)}
		_, refused := w.reg.Read(w.Context(), registration.Client{ID: c.ID, ManagementURL: c.ManagementURL + "x",
			ManagementToken: c.ManagementToken})
		printtest.Types(w.T, secrets, map[string][]any{
			"Config": {w.config()}, "IDP": {w.reg}, "Client": {c}, "Metadata": {c.Metadata}, "Error": {refused},
			"ConfigError": {printtest.Exempt("names a field")},
		})
		saved, err := c.Save()
		if err != nil || secrets.Found(string(saved)) == "" {
			w.Errorf("Save left the secrets out: %v", err)
		}
	})
}

// An IdP that repeats what it was sent puts no secret into an error.
func TestNothingPrintsOfAHostileServer(t *testing.T) {
	for how, answer := range printtest.Echoes() {
		t.Run(how, func(t *testing.T) {
			inBubble(t, idpmock.Registration{}, func(w *world) {
				stop, err := w.idp.Net.Serve("hostile.example", printtest.Echo(t, answer))
				if err != nil {
					t.Fatal(err)
				}
				defer stop()
				c := w.config()
				c.Endpoint = "https://hostile.example/register"
				reg := w.discover(c)
				client := registration.Client{ID: "1", Secret: "the-secret-of-the-client", ManagementURL: c.Endpoint,
					ManagementToken: "the-registration-access-token"}
				secrets := printtest.Secrets{"initial access token": initialToken,
					"client secret": string(client.Secret), "registration access token": string(client.ManagementToken)}
				ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
				defer cancel()
				_, err1 := reg.Register(ctx, registration.For(w.app()))
				_, err2 := reg.Read(ctx, client)
				_, err3 := reg.Update(ctx, client, registration.For(w.app()))
				printtest.Check(w.T, "errors", secrets, []any{err1, err2, err3, reg.Delete(ctx, client)})
			})
		})
	}
}
