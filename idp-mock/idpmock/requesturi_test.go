package idpmock_test

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// unsignedRequest is a request object of alg none.
func unsignedRequest(t *testing.T, more map[string]any) string {
	t.Helper()
	claims := map[string]any{"iss": "notes", "aud": "https://idp.example", "client_id": "notes",
		"exp": time.Now().Add(time.Minute).Unix(), "nbf": time.Now().Unix()}
	u, err := url.Parse(authURL("", "notes"))
	if err != nil {
		t.Fatal(err)
	}
	for name := range u.Query() {
		claims[name] = u.Query().Get(name)
	}
	for name, v := range more {
		claims[name] = v
	}
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	return encode([]byte(`{"alg":"none"}`)) + "." + encode(body) + "."
}

// OpenID Connect Core 1.0 §6.2: a request is fetched from addresses of the client alone, and little is believed.
func TestRequestURI(t *testing.T) {
	const kind = "application/oauth-authz-req+jwt"
	type app struct {
		status     int
		kind, body string
		location   string
	}
	good := func(t *testing.T) app { return app{200, kind, unsignedRequest(t, nil), ""} }
	for name, row := range map[string]struct {
		uri    string // default https://client.example/request
		change func(*idpmock.Config)
		app    func(*testing.T) app
		says   string // of what the person is told; empty: they come back with a code
	}{
		"it is fetched":   {},
		"application/jwt": {app: func(t *testing.T) app { return app{200, "application/jwt; x=y", good(t).body, ""} }},
		"a fragment":      {uri: "https://client.example/request#hash"},
		"off":             {change: func(c *idpmock.Config) { c.RequestURI = false }, says: "only a request_uri from"},
		"not registered": {change: func(c *idpmock.Config) { c.RequireRequestURIRegistration = true },
			says: "not registered"},
		"registered": {change: func(c *idpmock.Config) {
			c.RequireRequestURIRegistration, c.Clients[0].RequestURIs = true, []string{"https://client.example/request"}
		}},
		"registered by a star": {change: func(c *idpmock.Config) {
			c.RequireRequestURIRegistration, c.Clients[0].RequestURIs = true, []string{"https://client.example/re*"}
		}},
		"another one is registered": {change: func(c *idpmock.Config) {
			c.Clients[0].RequestURIs = []string{"https://client.example/other*"}
		}, says: "not registered"},
		"http":           {uri: "http://client.example/request", says: "must be https"},
		"another scheme": {uri: "file:///etc/passwd", says: "must be https"},
		"no host":        {uri: "https:///request", says: "must be https"},
		"too long":       {uri: "https://client.example/request?" + strings.Repeat("x", 500), says: "512"},
		"nobody is there": {uri: "https://nobody.example/request",
			says: "does not answer"},
		"a redirect": {app: func(*testing.T) app { return app{302, kind, "", "https://client.example/request"} },
			says: "302"},
		"not there": {app: func(t *testing.T) app { return app{404, kind, good(t).body, ""} },
			says: "404"},
		"another kind": {app: func(t *testing.T) app { return app{200, "text/html", good(t).body, ""} },
			says: "is no application"},
		"endless": {app: func(*testing.T) app { return app{200, kind, strings.Repeat("x", 65<<10), ""} },
			says: "too long"},
		"no token": {app: func(*testing.T) app { return app{200, kind, "x", ""} }, says: "no key of the client"},
		"for another IdP": {app: func(t *testing.T) app {
			return app{200, kind, unsignedRequest(t, map[string]any{"aud": "https://other.example"}), ""}
		}, says: "aud"},
		"too old": {app: func(t *testing.T) app {
			return app{200, kind, unsignedRequest(t, map[string]any{"exp": time.Now().Add(-time.Hour).Unix()}), ""}
		}, says: "too old"},
		"of another client": {app: func(t *testing.T) app {
			return app{200, kind, unsignedRequest(t, map[string]any{"client_id": "mail"}), ""}
		}, says: "client_id"},
		"a signature is demanded": {change: func(c *idpmock.Config) {
			c.RequireJAR, c.Clients[0].JWKS = true, []byte(`{"keys":[`+publicP256+`]}`)
		}, says: "no key of the client"},
		"it has to be pushed": {change: func(c *idpmock.Config) { c.RequirePAR = true }, says: "must push"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(c *idpmock.Config) {
				c.RequestURI = true
				if row.change != nil {
					row.change(c)
				}
			}, func(t *testing.T, w *world) {
				answer := good(t)
				if row.app != nil {
					answer = row.app(t)
				}
				stop, err := w.Net.Serve("client.example",
					http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
						rw.Header().Set("Content-Type", answer.kind)
						if answer.location != "" {
							rw.Header().Set("Location", answer.location)
						}
						rw.WriteHeader(answer.status)
						_, _ = rw.Write([]byte(answer.body))
					}))
				if err != nil {
					t.Fatal(err)
				}
				defer stop()
				if row.uri == "" {
					row.uri = "https://client.example/request"
				}
				to := w.URL + idpmock.PathAuthorize + "?" + url.Values{"client_id": {"notes"}, "request_uri": {row.uri},
					"state": {"of the address"}}.Encode()
				back, err := w.Browser("ada").Authorize(t.Context(), to)
				if row.says == "" && (err != nil || !strings.Contains(back, "code=") ||
					!strings.Contains(back, "state=st")) ||
					row.says != "" && (err == nil || !strings.Contains(err.Error(), row.says)) {
					t.Errorf("%s, %v", back, err)
				}
			})
		})
	}
}

const publicP256 = `{"kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",` +
	`"y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}`
