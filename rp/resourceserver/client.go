package resourceserver

import (
	"crypto"
	"fmt"
	"io"
	"log/slog"
	"reflect"
	"slices"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/idp"
)

// ClientKey is a private key of this API, of which the IdP knows the public half. It prints
// as its ID.
type ClientKey struct {
	ID  string        // kid; empty: none is sent
	Key crypto.Signer // RSA with 2,048 bits or more, ECDSA or Ed25519
	Alg string        // of signatures (RFC 7518 §3.1). Default: RS256 for RSA, or what fits the key
}

func (k ClientKey) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "resourceserver.ClientKey("+k.ID+")")
}

func (k ClientKey) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(k)) }

func (k ClientKey) MarshalText() ([]byte, error) { return []byte(fmt.Sprint(k)), nil }

// isSet is false also for a nil pointer of a key's type, which is no nil interface.
func (k ClientKey) isSet() bool {
	v := reflect.ValueOf(k.Key)
	return v.IsValid() && (v.Kind() != reflect.Pointer || !v.IsNil())
}

// checkClient completes and checks how this API authenticates (RFC 7662 §2.1 demands that
// it does).
func (c *Config) checkClient(fault func(field, cure string, args ...any)) {
	byCertificate, byKey := idp.ByCertificate(c.ClientAuth), c.ClientKey.isSet()
	ways := slices.DeleteFunc(slices.Clone(idp.Methods), func(m string) bool { return m == idp.AppleSecret })
	switch {
	case c.ClientAuth != "" && !slices.Contains(ways, c.ClientAuth):
		fault("ClientAuth", "is %q; use one of %s", c.ClientAuth, strings.Join(ways, ", "))
	case byCertificate:
		if shows, known := idp.ShowsCertificate(c.HTTPClient); known && !shows {
			fault("ClientAuth", "is %s, but HTTPClient has no certificate to show; give it an *http.Transport with "+
				"TLSClientConfig.Certificates", c.ClientAuth)
		}
	case idp.ByKey(c.ClientAuth) && !byKey:
		fault("ClientKey", "is empty, but ClientAuth is %s", c.ClientAuth)
	case idp.BySecret(c.ClientAuth) && byKey:
		fault("ClientKey", "is set, but ClientAuth is %s; leave one of them empty", c.ClientAuth)
	case byKey && c.Issuer == "":
		fault("Issuer", "is empty; set it beside IntrospectionURL, because what ClientKey signs names the issuer as "+
			"its audience")
	case c.ClientAuth == idp.KeyForEndpoint && c.IntrospectionURL != "":
		fault("ClientAuth", "is %s, which needs the token endpoint of the discovery document; leave IntrospectionURL "+
			"empty", c.ClientAuth)
	}
	switch {
	case c.ClientSecret != "" && (byKey || byCertificate):
		fault("ClientSecret", "is set beside a key or a certificate; leave it empty")
	case c.ClientSecret == "" && !byKey && !byCertificate:
		fault("ClientSecret", "is empty; RFC 7662 §2.1 demands that the caller of introspection is authenticated: "+
			"set it, or "+
			"ClientKey, or ClientAuth tls_client_auth")
	}
	if !byKey {
		return
	}
	if c.ClientKey.Alg == "" {
		c.ClientKey.Alg = idp.SigningAlg(c.ClientKey.Key)
	}
	if err := c.inside().Check(); err != nil {
		fault("ClientKey", "%v", err)
	}
}

func (c *Config) inside() *idp.Key {
	return &idp.Key{ID: c.ClientKey.ID, Alg: c.ClientKey.Alg, Signer: c.ClientKey.Key}
}

// client is this API as package idp knows clients.
func (c *Config) client() *idp.Config {
	shows, _ := idp.ShowsCertificate(c.HTTPClient)
	in := &idp.Config{Issuer: c.Issuer, ClientID: c.ClientID, Secret: string(c.ClientSecret), Method: c.ClientAuth,
		Certificate: shows || idp.ByCertificate(c.ClientAuth), Now: c.Now}
	if c.ClientKey.isSet() {
		in.Keys = []idp.Key{*c.inside()}
	}
	return in
}

// takes says why an IdP does not take what this API shows of itself, nil if it does. What
// ClientAuth names somebody has chosen, and is not judged.
func (c *Config) takes(methods []string) error {
	if len(methods) == 0 || c.ClientAuth != "" {
		return nil
	}
	field, fits := "ClientSecret", slices.ContainsFunc(methods, idp.BySecret)
	if c.ClientKey.isSet() {
		field, fits = "ClientKey", slices.Contains(methods, idp.PrivateKeyJWT)
	}
	if fits {
		return nil
	}
	return &ConfigError{field, fmt.Sprintf("is set, but the IdP accepts only %.300q at introspection "+
		"(introspection_endpoint_auth_methods_supported); set ClientKey for private_key_jwt, or ClientAuth "+
		"tls_client_auth with a certificate in HTTPClient, or ask the IdP's administrator for another client", methods)}
}
