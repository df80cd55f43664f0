package registration_test

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/registration"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

const initialToken = "initial-access-token-of-the-admin"

// world is an IdP that registers clients, in a synctest bubble.
type world struct {
	*testing.T
	idp *idptest.Server
	reg *registration.IDP
}

func inBubble(t *testing.T, policy idpmock.Registration, f func(*world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Cleanup(func() { time.Sleep(time.Second) }) // net/http lingers on connections that it gave up
		policy.InitialToken = initialToken
		w := &world{T: t, idp: idptest.StartMem(t, idptest.WithConfig(func(c *idpmock.Config) {
			c.SigningAlg, c.Registration = "ES256", &policy
		}))}
		w.reg = w.discover(w.config())
		f(w)
	})
}

func (w *world) config() registration.Config {
	return registration.Config{Issuer: w.idp.URL, InitialAccessToken: initialToken, HTTPClient: w.idp.Net.Client()}
}

func (w *world) discover(c registration.Config) *registration.IDP {
	w.Helper()
	idp, err := registration.Discover(w.Context(), c)
	if err != nil {
		w.Fatal(err)
	}
	return idp
}

// app is the configuration of the app that is to be registered.
func (w *world) app() rp.Config {
	return rp.Config{
		Issuer: w.idp.URL, BaseURL: "https://notes.example", IDTokenAlg: "ES256", Scopes: []string{"openid", "profile"},
		Keys: rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}), HTTPClient: w.idp.Net.Client(),
		Logger: slog.New(slog.DiscardHandler),
	}
}

func (w *world) register(m registration.Metadata) registration.Client {
	w.Helper()
	c, err := w.reg.Register(w.Context(), m)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// logsIn tells whether somebody can log in to the app by this client.
func (w *world) logsIn(c registration.Client) bool {
	w.Helper()
	config := w.app()
	config.ClientID, config.ClientSecret = c.ID, c.Secret
	auth, err := rp.New(w.Context(), config)
	if err != nil {
		w.Fatal(err)
	}
	defer auth.Close()
	stop, err := w.idp.Net.Serve("notes.example", nethttpadapter.New(auth).Endpoints())
	if err != nil {
		w.Fatal(err)
	}
	defer stop()
	browser := w.idp.Net.Client()
	browser.Jar, _ = cookiejar.New(nil)
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	get := func(url string) *http.Response {
		resp, err := browser.Get(url)
		if err != nil {
			w.Fatal(err)
		}
		defer resp.Body.Close()
		_, _ = io.Copy(io.Discard, resp.Body)
		return resp
	}
	callback, err := w.idp.Browser("ada").Authorize(w.Context(),
		get("https://notes.example/auth/login").Header.Get("Location"))
	if err != nil {
		return false
	}
	return get(callback).StatusCode == http.StatusSeeOther
}

// H -dynamic-registration: a client is registered, people log in by it, and it is read,
// changed, given another secret and deleted (RFC 7591, RFC 7592).
func TestLife(t *testing.T) {
	for name, policy := range map[string]idpmock.Registration{
		"tokens stay": {RotateSecrets: true}, "tokens change": {RotateSecrets: true, RotateTokens: true},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, policy, func(w *world) {
				ctx := w.Context()
				asked := registration.For(w.app())
				asked.Name, asked.More = "Notes", map[string]any{"client_name#de": "Notizen"}
				c := w.register(asked)
				if c.ID == "" || c.Secret == "" || c.ManagementURL == "" || c.Issued.IsZero() ||
					!c.SecretExpires.IsZero() ||
					c.Metadata.Name != "Notes" || c.Metadata.More["client_name#de"] != "Notizen" ||
					len(c.Differences(asked)) != 0 {
					w.Errorf("registered %+v, differences %v", c, c.Differences(asked))
				}
				if !w.logsIn(c) {
					w.Error("nobody can log in")
				}
				first := c.Secret

				c, err := w.reg.Read(ctx, c)
				if err != nil || c.Secret != first || c.Metadata.Name != "Notes" {
					w.Fatalf("read %+v, %v", c, err)
				}
				changed := asked
				changed.Name, changed.Contacts, changed.More = "Notes 2", []string{"ops@notes.example"}, nil
				c, err = w.reg.Update(ctx, c, changed)
				if err != nil || c.Secret != first || c.Metadata.Name != "Notes 2" || c.Metadata.More != nil {
					w.Fatalf("updated %+v, %v", c, err)
				}
				saved, err := c.Save()
				if err != nil {
					w.Fatal(err)
				}
				if c, err = registration.Load(saved); err != nil { // in another process
					w.Fatal(err)
				}
				c, err = w.reg.RotateSecret(ctx, c)
				if err != nil || c.Secret == first || c.Metadata.Name != "Notes 2" {
					w.Fatalf("with another secret %+v, %v", c, err)
				}
				old := c
				old.Secret = first
				if !w.logsIn(c) || w.logsIn(old) {
					w.Error("the new secret is not the one that counts")
				}
				if err := w.reg.Delete(ctx, c); err != nil {
					w.Error(err)
				}
				if w.logsIn(c) {
					w.Error("a deleted client lets people in")
				}
				var refused *registration.Error
				for what, err := range map[string]error{
					"read":   second(w.reg.Read(ctx, c)),
					"update": second(w.reg.Update(ctx, c, changed)),
					"delete": w.reg.Delete(ctx, c),
				} {
					if !errors.As(err, &refused) || refused.Status != 401 || refused.Code != "invalid_token" ||
						!strings.Contains(err.Error(), "to "+what) {
						w.Errorf("%s after it was deleted: %v", what, err)
					}
				}
			})
		})
	}
}

func second(_ registration.Client, err error) error { return err }

// What the IdP keeps, drops, or does not offer is told.
func TestUnwilling(t *testing.T) {
	inBubble(t, idpmock.Registration{Drops: []string{"backchannel_logout_uri", "backchannel_logout_session_required"},
		SecretSeconds: 3600}, func(w *world) {
		asked := registration.For(w.app())
		c := w.register(asked)
		if got := c.Differences(asked); !slices.Equal(got, []string{"backchannel_logout_session_required",
			"backchannel_logout_uri"}) {
			w.Errorf("differences %v", got)
		}
		if left := time.Until(c.SecretExpires); left <= 0 || left > time.Hour {
			w.Errorf("the secret runs out in %v", left)
		}
		kept, err := w.reg.RotateSecret(w.Context(), c)
		if !errors.Is(err, registration.ErrNotRotated) || kept.Secret != c.Secret || kept.ID != c.ID {
			w.Errorf("%+v, %v", kept, err)
		}
		public := asked
		public.TokenEndpointAuthMethod = "none"
		if c, err = w.reg.Update(w.Context(), kept, public); err != nil || c.Secret != "" || !c.SecretExpires.IsZero() {
			w.Errorf("a public client: %+v, %v", c, err)
		}
	})
	inBubble(t, idpmock.Registration{Unmanaged: true}, func(w *world) {
		c := w.register(registration.For(w.app()))
		for what, err := range map[string]error{
			"Read": second(w.reg.Read(w.Context(), c)), "Update": second(w.reg.Update(w.Context(), c, c.Metadata)),
			"RotateSecret": second(w.reg.RotateSecret(w.Context(), c)), "Delete": w.reg.Delete(w.Context(), c),
		} {
			if !errors.Is(err, registration.ErrNotManaged) {
				w.Errorf("%s: %v", what, err)
			}
		}
	})
	inBubble(t, idpmock.Registration{}, func(w *world) {
		if err := w.idp.Update(func(c *idpmock.Config) { c.Registration = nil }); err != nil {
			w.Fatal(err)
		}
		if _, err := registration.Discover(w.Context(), w.config()); !errors.Is(err, registration.ErrNotOffered) {
			w.Errorf("%v", err)
		}
	})
}

// RFC 7591 §3.2.2: what the IdP says against it reaches the reader, and no secret does.
func TestRefused(t *testing.T) {
	inBubble(t, idpmock.Registration{RequireStatement: true}, func(w *world) {
		m := registration.For(w.app())
		var refused *registration.Error
		if _, err := w.reg.Register(w.Context(), m); !errors.As(err, &refused) ||
			refused.Code != "invalid_software_statement" || refused.Status != 400 {
			w.Errorf("%v", err)
		}
		c := w.config()
		c.InitialAccessToken = "wrong-token-of-nobody-at-all"
		if _, err := w.discover(c).Register(w.Context(), m); !errors.As(err, &refused) || refused.Status != 401 ||
			!strings.Contains(err.Error(), "initial access token") ||
			strings.Contains(err.Error(), "wrong-token") {
			w.Errorf("%v", err)
		}
		fault := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRegister, Status: 503, RetryAfter: "7",
			Times: idpmock.Always})
		if _, err := w.reg.Register(w.Context(), m); !errors.As(err, &refused) || refused.Status != 503 ||
			refused.RetryAfter != 7*time.Second || refused.Code != "" {
			w.Errorf("%v", err)
		}
		fault.Remove()
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRegister, DropBefore: true, Times: idpmock.Always})
		if _, err := w.reg.Register(w.Context(), m); err == nil || errors.As(err, &refused) && refused.Status != 503 ||
			!strings.Contains(err.Error(), "did not answer") {
			w.Errorf("%v", err)
		}
	})
}

// A mistake is told before anything is sent, with the field and the cure.
func TestMistakes(t *testing.T) {
	inBubble(t, idpmock.Registration{}, func(w *world) {
		calls := func() int { return w.idp.Count(idpmock.EndpointRegister, "") }
		private := `{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`
		for field, change := range map[string]func(*registration.Metadata){
			"Metadata.RedirectURIs": func(m *registration.Metadata) { m.RedirectURIs = nil },
			"Metadata.PostLogoutRedirectURIs": func(m *registration.Metadata) {
				m.PostLogoutRedirectURIs = []string{""}
			},
			"Metadata.BackchannelLogoutURI": func(m *registration.Metadata) {
				m.BackchannelLogoutURI = "http://notes.example/x"
			},
			"Metadata.FrontchannelLogoutURI": func(m *registration.Metadata) { m.FrontchannelLogoutURI = "/x" },
			"Metadata.InitiateLoginURI": func(m *registration.Metadata) {
				m.InitiateLoginURI = "https://notes.example/#x"
			},
			"Metadata.JWKSURI": func(m *registration.Metadata) { m.JWKSURI = "ftp://notes.example" },
			"Metadata.JWKS":    func(m *registration.Metadata) { m.JWKS = []byte(private) },
			"Metadata.More":    func(m *registration.Metadata) { m.More = map[string]any{"client_id": "mine"} },
		} {
			m := registration.For(w.app())
			change(&m)
			var bad *registration.ConfigError
			if _, err := w.reg.Register(w.Context(), m); !errors.As(err, &bad) || bad.Field != field || bad.Cure == "" {
				w.Errorf("%s: %v", field, err)
			}
		}
		for name, jwks := range map[string]string{"no JSON": "{", "no keys": `{"keys":[]}`,
			"both": `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`} {
			m := registration.For(w.app())
			m.JWKS = []byte(jwks)
			if name == "both" {
				m.JWKSURI = "https://notes.example/jwks"
			}
			var bad *registration.ConfigError
			if _, err := w.reg.Register(w.Context(), m); !errors.As(err, &bad) || bad.Field != "Metadata.JWKS" {
				w.Errorf("%s: %v", name, err)
			}
		}
		if n := calls(); n != 0 {
			w.Errorf("%d calls", n)
		}
		for field, change := range map[string]func(*registration.Config){
			"Config.Issuer":         func(c *registration.Config) { c.Issuer = "http://idp.example" },
			"Config.Endpoint":       func(c *registration.Config) { c.Endpoint = "register" },
			"Config.RequestTimeout": func(c *registration.Config) { c.RequestTimeout = -1 },
		} {
			c := w.config()
			change(&c)
			var bad *registration.ConfigError
			if _, err := registration.Discover(w.Context(), c); !errors.As(err, &bad) || bad.Field != field {
				w.Errorf("%s: %v", field, err)
			}
		}
		// An endpoint that discovery does not name.
		c := w.config()
		c.Endpoint = w.idp.URL + idpmock.PathRegister
		if _, err := w.discover(c).Register(w.Context(), registration.For(w.app())); err != nil {
			w.Error(err)
		}
	})
}

// For says where an app is: the addresses are those that it serves.
func TestFor(t *testing.T) {
	inBubble(t, idpmock.Registration{}, func(w *world) {
		config := w.app()
		config.ThirdPartyLogin, config.FrontchannelLogout, config.BaseURL, config.Prefix = true, true,
			"https://notes.example/app", "/sso"
		m := registration.For(config)
		config.ClientID, config.ClientSecret = "x", "s3cret"
		auth, err := rp.New(w.Context(), config)
		if err != nil {
			w.Fatal(err)
		}
		defer auth.Close()
		serves := map[string]bool{}
		for _, e := range auth.Endpoints() {
			serves["https://notes.example/app"+auth.Prefix()+e.Path] = true
		}
		for _, at := range slices.Concat(m.RedirectURIs, m.PostLogoutRedirectURIs,
			[]string{m.BackchannelLogoutURI, m.FrontchannelLogoutURI, m.InitiateLoginURI}) {
			if !serves[at] {
				w.Errorf("%s is not served", at)
			}
		}
		if !slices.Equal(m.GrantTypes, []string{"authorization_code", "refresh_token"}) ||
			m.Scope != "openid profile" || m.IDTokenSignedResponseAlg != "ES256" {
			w.Errorf("%+v", m)
		}
		if m.RequestURIs != nil || m.RequestObjectSigningAlg != "" {
			w.Errorf("requests: %v, %s", m.RequestURIs, m.RequestObjectSigningAlg)
		}
		// What oidcc-client-test-request-uri-signed-none and -rs256 look for in the registration.
		config.RequestURI = true
		if m := registration.For(config); m.RequestObjectSigningAlg != "none" ||
			!slices.Equal(m.RequestURIs, []string{"https://notes.example/app/sso/request*"}) {
			w.Errorf("requests that are fetched: %v, %s", m.RequestURIs, m.RequestObjectSigningAlg)
		}
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			w.Fatal(err)
		}
		config.ClientKeys = []rp.ClientKey{{Key: key}}
		if m := registration.For(config); m.RequestObjectSigningAlg != "" {
			w.Errorf("requests that are signed only if the IdP demands it: %s", m.RequestObjectSigningAlg)
		}
		config.JAR = true
		if m := registration.For(config); m.RequestObjectSigningAlg != "RS256" {
			w.Errorf("requests that are signed: %s", m.RequestObjectSigningAlg)
		}
		config.ClientKeys[0].Alg = "PS256"
		if m := registration.For(config); m.RequestObjectSigningAlg != "PS256" {
			w.Errorf("requests that are signed: %s", m.RequestObjectSigningAlg)
		}
		config.Kind = rp.NoToken
		if m := registration.For(config); !slices.Equal(m.GrantTypes, []string{"authorization_code"}) {
			w.Errorf("without tokens: %v", m.GrantTypes)
		}
	})
}
