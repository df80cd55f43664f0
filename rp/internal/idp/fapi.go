package idp

// fitsFAPI is what the FAPI 2.0 Security Profile (§5.3.2) demands of the IdP beyond what
// every IdP has to have here: that its answers name it, so that no other one's is taken for
// its own, and that its tokens are bound.
func (c *Config) fitsFAPI(m *Metadata, unfit *UnfitError) {
	if !c.FAPI {
		return
	}
	if !m.IssInResponse && !IsJARM(c.ResponseMode) {
		unfit.add("Profile", "demands that the IdP names itself in its answers (RFC 9207), and its discovery "+
			"document does not say so (authorization_response_iss_parameter_supported); use an IdP that does, or "+
			"fapi2-message-signing")
	}
	if c.Certificate && !c.DPoP && !m.CertificateBound {
		unfit.add("Profile", "demands that access tokens are bound, and the IdP does not bind them to certificates "+
			"(tls_client_certificate_bound_access_tokens); set DPoP")
	}
}
