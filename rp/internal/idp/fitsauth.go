package idp

import "slices"

// fitsAuth checks whether the IdP accepts this client's way to authenticate. A Config.Method
// is not compared with the discovery document: some IdPs accept methods that they do not
// list, and the app chose it. Most IdPs accept public clients although they do not list none,
// so a client without credentials is refused only if the IdP accepts neither none nor a
// secret.
func (c *Config) fitsAuth(m *Metadata, unfit *UnfitError) {
	const name = "token_endpoint_auth_methods_supported"
	taken := m.TokenAuthMethods
	if c.byKey() && len(m.TokenAuthAlgs) > 0 && !slices.Contains(m.TokenAuthAlgs, c.Keys[0].Alg) {
		unfit.add("ClientKeys", "the first key signs with %s, but the IdP takes %s "+
			"(token_endpoint_auth_signing_alg_values_supported)",
			c.Keys[0].Alg, list(m.TokenAuthAlgs))
	}
	if len(taken) == 0 || c.Method != "" {
		return
	}
	secret, open := slices.ContainsFunc(taken, BySecret), slices.Contains(taken, "none")
	switch {
	case c.byKey() && !slices.Contains(taken, PrivateKeyJWT):
		unfit.add("ClientKeys", "are set without ClientSecret, but the IdP takes no private_key_jwt (%s: %s)", name,
			list(taken))
	case c.byKey(), secret, open && c.Secret == "":
	case open: // this one can be met, by leaving the secret out
		unfit.add("ClientSecret", "is set, but the IdP takes no secret (%s: %s); leave it empty for a public client",
			name, list(taken))
	case slices.Contains(taken, PrivateKeyJWT):
		unfit.add("ClientKeys", "is needed: the IdP demands that clients authenticate by a key, private_key_jwt (%s: "+
			"%s); register the public half there, and leave ClientSecret empty", name, list(taken))
	case slices.ContainsFunc(taken, ByCertificate):
		unfit.add("ClientAuth", "has to be tls_client_auth or self_signed_tls_client_auth, with the certificate in "+
			"HTTPClient: the IdP demands that clients authenticate by one (%s: %s)", name, list(taken))
	default:
		unfit.add("Issuer", "the IdP demands that clients authenticate in a way (%s: %s) that this library does not "+
			"support; ask the IdP's administrator for a client without this demand", name, list(taken))
	}
}
