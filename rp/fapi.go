package rp

import (
	"crypto/rsa"
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/store"
)

// The profiles that Config.Profile names.
const (
	fapi2        = "fapi2"
	fapi2Signing = "fapi2-message-signing"
)

// fapiAlgs are those of the FAPI 2.0 Security Profile §5.4.
var fapiAlgs = []string{"PS256", "ES256", "EdDSA"}

// applyProfile sets what Config.Profile demands of a client, and refuses what falls short of it
// (FAPI 2.0 Security Profile §5.3.3, Message Signing §5.3, §5.4). What the profile demands of
// the IdP is checked in the discovery document, and again in each answer.
func (c *Config) applyProfile(fault func(field, cure string, args ...any)) {
	switch c.Profile {
	case "":
		return
	case fapi2, fapi2Signing:
	default:
		fault("Profile", "is %q; use %s or %s, or leave it empty", c.Profile, fapi2, fapi2Signing)
		return
	}
	short := func(field, format string, args ...any) {
		fault(field, "%s, but Config.Profile is %s", fmt.Sprintf(format, args...), c.Profile)
	}
	if c.InsecureAllowHTTP {
		short("InsecureAllowHTTP", "is set")
	}
	if c.Capabilities != nil && c.Capabilities.UserinfoByPost {
		short("Capabilities", "has UserinfoByPost; the access token has to be in the header")
	}
	if c.ClientSecret != "" {
		short("ClientSecret", "is set; use ClientKeys, or a certificate,")
	}
	switch {
	case c.ClientAuth == "" && len(c.ClientKeys) == 0:
		short("ClientKeys", "is empty; give the client a key, or ClientAuth tls_client_auth and a certificate,")
	case c.ClientAuth != "" && c.ClientAuth != idp.PrivateKeyJWT && !idp.ByCertificate(c.ClientAuth):
		short("ClientAuth", "is %s; use private_key_jwt, tls_client_auth or self_signed_tls_client_auth", c.ClientAuth)
	}
	c.ClientKeys = slices.Clone(c.ClientKeys)
	for i := range c.ClientKeys {
		k := &c.ClientKeys[i]
		if k.Key == nil {
			continue // said elsewhere
		}
		if _, isRSA := k.Key.Public().(*rsa.PublicKey); isRSA && k.Alg == "" {
			k.Alg = "PS256"
		}
		if alg := orElse(k.Alg, idp.SigningAlg(k.Key)); !slices.Contains(fapiAlgs, alg) {
			short("ClientKeys", "key %d signs with %s; use %s", i+1, alg, strings.Join(fapiAlgs, ", "))
		}
	}
	c.IDTokenAlg = orElse(c.IDTokenAlg, "PS256")
	if !slices.Contains(fapiAlgs, c.IDTokenAlg) {
		short("IDTokenAlg", "is %s; use %s", c.IDTokenAlg, strings.Join(fapiAlgs, ", "))
	}
	c.PAR = true
	if shows, _ := idp.ShowsCertificate(c.HTTPClient); !shows && !idp.ByCertificate(c.ClientAuth) {
		c.DPoP = true
	}
	if c.Profile == fapi2Signing {
		c.JAR = true
		c.ResponseMode = orElse(c.ResponseMode, idp.JWT)
		if !idp.IsJARM(c.ResponseMode) {
			short("ResponseMode", "is %s; use jwt, query.jwt or form_post.jwt", c.ResponseMode)
		}
	}
}

// judgeHardening says what of all this is in use, and why: because somebody has set it, or
// because the IdP demands it.
func judgeHardening(c *Config, m *idp.Endpoints) []store.Finding {
	var used []string
	use := func(is, demanded bool, what, field string) {
		switch {
		case demanded:
			used = append(used, what+" (the IdP demands it)")
		case is:
			used = append(used, what+" (Config."+field+")")
		}
	}
	shows, _ := idp.ShowsCertificate(c.HTTPClient)
	byCertificate := idp.ByCertificate(c.ClientAuth)
	use(len(c.ClientKeys) > 0 && c.ClientSecret == "" && !byCertificate, false, "the client authenticates with its key",
		"ClientKeys")
	use(byCertificate, false, "the client authenticates with a certificate", "ClientAuth")
	use(shows && !byCertificate, false, "the client sends a certificate to every server that asks for one",
		"HTTPClient")
	use(c.PAR, m.RequirePAR, "authorization requests are pushed", "PAR")
	use(c.JAR, m.RequireJAR, "authorization requests are signed", "JAR")
	use(c.RequestURI, false, "the IdP fetches authorization requests", "RequestURI")
	use(idp.IsJARM(c.ResponseMode), false, "answers of a log-in are signed", "ResponseMode")
	use(c.DPoP, false, "access tokens are bound to a key of the session", "DPoP")
	use(len(c.DecryptionKeys) > 0, false, "encrypted tokens are decrypted", "DecryptionKeys")
	if len(used) == 0 {
		return nil
	}
	text := "In use: " + strings.Join(used, "; ") + "."
	if c.Profile != "" {
		text = "Config.Profile is " + c.Profile + ". " + text
	}
	return []store.Finding{{Code: "hardening", Text: text}}
}
