package idpmock

import (
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"

	"github.com/go-jose/go-jose/v4"
)

// certificateOf is what the caller has shown; nil: none. Who serves [IDP.Handler] with TLS
// asks for it, by tls.RequireAnyClientCert or tls.VerifyClientCertIfGiven.
func certificateOf(r *http.Request) *x509.Certificate {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return nil
	}
	return r.TLS.PeerCertificates[0]
}

// certified says whether the certificate is that of the client (RFC 8705 §2.1.2, §2.2.2):
// its subject is the registered one, or its key stands in the client's key set.
func (c *Client) certified(method string, cert *x509.Certificate) bool {
	switch {
	case cert == nil:
		return false
	case method == "tls_client_auth":
		return c.TLSSubjectDN != "" && cert.Subject.String() == c.TLSSubjectDN
	}
	var set jose.JSONWebKeySet
	if json.Unmarshal(c.JWKS, &set) != nil {
		return false
	}
	for _, k := range set.Keys {
		if pub, ok := k.Key.(interface{ Equal(crypto.PublicKey) bool }); ok && pub.Equal(cert.PublicKey) {
			return true
		}
	}
	return false
}

// x5t is what binds a token to a certificate (RFC 8705 §3.1).
func x5t(cert *x509.Certificate) string {
	sum := sha256.Sum256(cert.Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// confirmation is the cnf claim of a token; nil: it is bound to nothing.
func confirmation(jkt, cert string) map[string]string {
	cnf := map[string]string{}
	if jkt != "" {
		cnf["jkt"] = jkt
	}
	if cert != "" {
		cnf["x5t#S256"] = cert
	}
	if len(cnf) == 0 {
		return nil
	}
	return cnf
}

// bindsTo is the thumbprint to which the client's tokens are bound, empty if they are not.
func (c *Client) bindsTo(r *http.Request) string {
	if cert := certificateOf(r); c.CertificateBound && cert != nil {
		return x5t(cert)
	}
	return ""
}
