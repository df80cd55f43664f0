package idp

import (
	"net/http"
)

// mtlsEndpoints are where a client that shows a certificate calls (RFC 8705 §5).
type mtlsEndpoints struct {
	TokenURL         string `json:"token_endpoint"`
	UserinfoURL      string `json:"userinfo_endpoint"`
	RevocationURL    string `json:"revocation_endpoint"`
	IntrospectionURL string `json:"introspection_endpoint"`
	PARURL           string `json:"pushed_authorization_request_endpoint"`
}

// forCertificates is m as it is for a client that shows a certificate.
func (m *Metadata) forCertificates() *Metadata {
	out := *m
	for _, e := range []struct {
		to   *string
		from string
	}{
		{&out.TokenURL, m.MTLS.TokenURL}, {&out.UserinfoURL, m.MTLS.UserinfoURL},
		{&out.RevocationURL, m.MTLS.RevocationURL},
		{&out.IntrospectionURL, m.MTLS.IntrospectionURL}, {&out.PARURL, m.MTLS.PARURL},
	} {
		if e.from != "" {
			*e.to = e.from
		}
	}
	return &out
}

// At is m as this client sees it.
func (c *Config) At(m *Metadata) *Metadata {
	if c.Certificate {
		return m.forCertificates()
	}
	return m
}

// ShowsCertificate reports whether a client shows a certificate to a server that asks for
// one. known is false where only its own kind of RoundTripper knows.
func ShowsCertificate(c *http.Client) (shows, known bool) {
	if c == nil || c.Transport == nil {
		return false, true
	}
	t, ok := c.Transport.(*http.Transport)
	if !ok {
		return false, false
	}
	tls := t.TLSClientConfig
	return tls != nil && (len(tls.Certificates) > 0 || tls.GetClientCertificate != nil), true
}
