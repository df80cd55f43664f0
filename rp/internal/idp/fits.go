package idp

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/dpop"
	"github.com/tandem-sso/tandem/rp/internal/outside"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// UnfitError says what of the configuration does not fit the IdP.
type UnfitError []Misfit

// Misfit names the field of the configuration and the cure.
type Misfit struct{ Field, Cure string }

func (e UnfitError) Error() string {
	all := make([]string, len(e))
	for i, m := range e {
		all[i] = m.Field + ": " + m.Cure
	}
	return strings.Join(all, "\n")
}

func (e *UnfitError) add(field, cure string, args ...any) {
	*e = append(*e, Misfit{field, fmt.Sprintf(cure, args...)})
}

func (e UnfitError) orNil() error {
	if len(e) == 0 {
		return nil
	}
	return e
}

// Fits is nil if this client can work with an IdP of that kind, else an UnfitError.
func (p *Provider) Fits(m *Metadata) error {
	c := &p.cfg
	if err := p.Usable(m); err != nil {
		return err
	}
	unfit := c.demands(m)
	if len(unfit) > 0 {
		return unfit
	}
	switch {
	case c.NeedsUserinfo && m.UserinfoURL == "":
		unfit.add("UserinfoClaims", "is set, but the IdP has no userinfo_endpoint in its discovery document; leave "+
			"it unset, and let the IdP put the claims into the ID token")
	case len(m.IDTokenAlgs) > 0 && !slices.Contains(m.IDTokenAlgs, c.IDTokenAlg):
		unfit.add("IDTokenAlg", "is %s, but the IdP signs with %s", c.IDTokenAlg, list(m.IDTokenAlgs))
	case c.DPoP && len(m.DPoPAlgs) > 0 && !slices.Contains(m.DPoPAlgs, string(dpop.Alg)):
		unfit.add("DPoP", "is set, but the IdP takes no proofs signed with %s (dpop_signing_alg_values_supported: "+
			"%s); leave it unset", dpop.Alg, list(m.DPoPAlgs))
	case len(m.PKCEMethods) > 0 && !slices.Contains(m.PKCEMethods, "S256"):
		unfit.add("Issuer", "the IdP supports PKCE by %s only; S256 is needed", list(m.PKCEMethods))
	}
	return unfit.orNil()
}

// Usable is nil if m is that of this issuer, and its endpoints may be called.
func (p *Provider) Usable(m *Metadata) error {
	var unfit UnfitError
	c := &p.cfg
	m = c.At(m)
	if m.Issuer != c.Issuer { // CORE-04
		unfit.add("Issuer", "the IdP calls itself %q; set exactly that", m.Issuer[:min(len(m.Issuer), 200)])
		return unfit
	}
	for _, e := range []struct {
		name, url string
		required  bool
	}{
		{"authorization_endpoint", m.AuthURL, true}, {"token_endpoint", m.TokenURL, true},
		{"jwks_uri", m.JWKSURL, true},
		{"userinfo_endpoint", m.UserinfoURL, false}, {"end_session_endpoint", c.endSession(m), false},
		{"revocation_endpoint", m.RevocationURL, false}, {"pushed_authorization_request_endpoint", m.PARURL, false},
	} {
		if e.url == "" && !e.required {
			continue
		}
		if err := checkEndpoint(e.url, c.AllowHTTP); err != nil {
			unfit.add("Issuer", "the IdP's %s %v", e.name, err)
			return unfit
		}
	}
	return nil
}

func checkEndpoint(raw string, allowHTTP bool) error {
	if raw == "" {
		return errors.New("is missing from its discovery document")
	}
	return weburl.Check(raw, allowHTTP)
}

// demands are what a discovery document demands of every client and this library does not do:
// nobody could log in, so it is an error at the start, which names the demand. An offer is no
// demand. Neither is a rule for some clients only, such as
// tls_client_certificate_bound_access_tokens (RFC 8705 §3.3): it says that certificates bind
// tokens, not that there are no other tokens. A list that is missing or empty demands
// nothing.
func (c *Config) demands(m *Metadata) (unfit UnfitError) {
	demand := func(met bool, name, text string) {
		if !met {
			unfit.add("Issuer", "the IdP demands %s (%s in its discovery document), which this library does not "+
				"support; ask the IdP's administrator for a client without this demand", text, name)
		}
	}
	switch {
	case m.PARURL != "":
	case m.RequirePAR:
		unfit.add("Issuer", "the IdP demands that authorization requests are pushed "+
			"(require_pushed_authorization_requests: PAR, RFC 9126), and names no "+
			"pushed_authorization_request_endpoint in its discovery document")
	case c.PAR:
		unfit.add("PAR", "is set, but the IdP has no pushed_authorization_request_endpoint in its discovery "+
			"document; leave it unset")
	}
	switch {
	case !c.mustSign(m):
	case len(c.Keys) == 0:
		unfit.add("ClientKeys", "is needed: the IdP demands that authorization requests are signed "+
			"(require_signed_request_object: JAR, RFC 9101); register the public half there")
	case len(m.RequestAlgs) > 0 && !slices.Contains(m.RequestAlgs, c.Keys[0].Alg):
		unfit.add("ClientKeys", "the first key signs with %s, but the IdP takes %s of authorization requests "+
			"(request_object_signing_alg_values_supported)", c.Keys[0].Alg, list(m.RequestAlgs))
	}
	c.fitsByReference(m, &unfit)
	demand(offers(m.ResponseTypes, "code"), "response_types_supported",
		"another response type than code: it offers "+list(m.ResponseTypes))
	demand(offers(m.GrantTypes, "authorization_code"), "grant_types_supported",
		"another grant type than authorization_code: it offers "+list(m.GrantTypes))
	switch {
	case IsJARM(c.ResponseMode) && !offers(m.ResponseModes, c.ResponseMode), c.ResponseMode == FormPost &&
		!offers(m.ResponseModes, FormPost):
		unfit.add("ResponseMode", "is %s, which the IdP does not offer (response_modes_supported: %s); leave it empty",
			c.ResponseMode, list(m.ResponseModes))
	case IsJARM(c.ResponseMode), len(m.ResponseModes) == 0, slices.ContainsFunc(m.ResponseModes, isPlainMode):
	default:
		unfit.add("ResponseMode", "has to be one of these: the IdP demands that its answers are signed (JARM, "+
			"response_modes_supported: %s)", list(m.ResponseModes))
	}
	// The list of algorithms for signing is required, so one that is missing says
	// nothing. Of encryption there is no other sign in a discovery document.
	demand(len(m.IDTokenEncryptionAlgs) == 0 || m.IDTokenAlgs == nil || slices.ContainsFunc(m.IDTokenAlgs, isSigning),
		"id_token_signing_alg_values_supported", "that ID tokens are encrypted and not signed (JWE)")
	c.fitsAuth(m, &unfit)
	c.fitsFAPI(m, &unfit)
	return unfit
}

// fitsByReference is about requests that the IdP fetches (request_uri, OpenID Connect Core 1.0 §6.2), and about an IdP
// that takes signed requests in no other way but pushed.
func (c *Config) fitsByReference(m *Metadata, unfit *UnfitError) {
	const takes = "the IdP takes signed authorization requests by reference alone (request_parameter_supported is " +
		"false in its discovery document)"
	fetches := m.fetches()
	switch {
	case c.RequestURI && m.RequirePAR:
		unfit.add("RequestURI", "is set, but the IdP demands that authorization requests are pushed "+
			"(require_pushed_authorization_requests); leave it unset")
	case c.RequestURI && !fetches:
		unfit.add("RequestURI", "is set, but the IdP fetches no authorization requests "+
			"(request_uri_parameter_supported is false in its discovery document); leave it unset")
	case c.RequestURI && !c.mustSign(m) && !offers(m.RequestAlgs, "none"):
		unfit.add("JAR", "is needed: with RequestURI the IdP takes signed authorization requests alone "+
			"(request_object_signing_alg_values_supported: %s)", list(m.RequestAlgs))
	case !c.mustSign(m), c.pushes(m), c.RequestURI, m.TakesByValue():
	case m.PARURL != "":
		unfit.add("PAR", "is needed: "+takes)
	case fetches:
		unfit.add("RequestURI", "is needed: "+takes)
	default:
		unfit.add("Issuer", takes+", fetches none (request_uri_parameter_supported), and has no "+
			"pushed_authorization_request_endpoint; ask the IdP's administrator for that endpoint, or for a client "+
			"without this demand")
	}
}

func offers(supported []string, what string) bool {
	return len(supported) == 0 || slices.Contains(supported, what)
}

func isPlainMode(mode string) bool { return mode != "jwt" && !strings.HasSuffix(mode, ".jwt") }

func isSigning(alg string) bool { return alg != "none" }

// Changes names what is not as it was, with what it is now.
func Changes(old, now *Metadata) (names []string) {
	for _, e := range []struct{ name, old, now string }{
		{"authorization_endpoint", old.AuthURL, now.AuthURL}, {"token_endpoint", old.TokenURL, now.TokenURL},
		{"jwks_uri", old.JWKSURL, now.JWKSURL}, {"userinfo_endpoint", old.UserinfoURL, now.UserinfoURL},
		{"end_session_endpoint", old.EndSessionURL, now.EndSessionURL},
		{"revocation_endpoint", old.RevocationURL, now.RevocationURL},
		{"pushed_authorization_request_endpoint", old.PARURL, now.PARURL},
		{"require_pushed_authorization_requests", fmt.Sprint(old.RequirePAR), fmt.Sprint(now.RequirePAR)},
		{"require_signed_request_object", fmt.Sprint(old.RequireJAR), fmt.Sprint(now.RequireJAR)},
		{"request_parameter_supported", fmt.Sprint(old.TakesByValue()), fmt.Sprint(now.TakesByValue())},
		{"request_uri_parameter_supported", fmt.Sprint(old.fetches()), fmt.Sprint(now.fetches())},
		{"token_endpoint_auth_methods_supported", list(old.TokenAuthMethods), list(now.TokenAuthMethods)},
	} {
		if e.old != e.now {
			names = append(names, fmt.Sprintf("%s (%.200s)", e.name, e.now))
		}
	}
	return names
}

// list shows what came from outside, bounded.
func list(values []string) string {
	shown := make([]string, 0, 8)
	for _, v := range values[:min(len(values), cap(shown))] {
		shown = append(shown, outside.Text(v, 64))
	}
	if len(values) > len(shown) {
		shown = append(shown, "…")
	}
	return fmt.Sprintf("[%s]", strings.Join(shown, " "))
}
