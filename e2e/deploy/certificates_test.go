package deploy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

const (
	host  = "notes.example.com"
	login = "login.example.com"
	acme  = "acme-v02.api.letsencrypt.org" // whom Caddy asks for certificates if nothing else is said
)

// certificates are those of the names, of this machine, and of who has signed them, as files.
type certificates struct {
	dir   string // notes.crt, notes.key, notes.pem (both), ca.pem, ca.key
	roots *x509.CertPool
}

func newCertificates(t *testing.T) certificates {
	t.Helper()
	c := certificates{t.TempDir(), x509.NewCertPool()}
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Chmod(c.dir, 0o755)) // servers may run as another user
	now := time.Now()
	template := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), BasicConstraintsValid: true}
	}
	ca := template(1, "deploy test")
	ca.IsCA, ca.KeyUsage = true, x509.KeyUsageCertSign
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, &caKey.PublicKey, caKey)
	must(err)
	leaf := template(2, host)
	leaf.DNSNames, leaf.IPAddresses = []string{host, login, acme, "localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	leaf.KeyUsage, leaf.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	der, err := x509.CreateCertificate(rand.Reader, leaf, ca, &key.PublicKey, caKey)
	must(err)
	keyDER, err := x509.MarshalECPrivateKey(key)
	must(err)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	caKeyDER, err := x509.MarshalECPrivateKey(caKey)
	must(err)
	private := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: keyDER})
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
	for name, text := range map[string][]byte{"notes.crt": certificate, "notes.key": private, "ca.pem": authority,
		"ca.key":    pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: caKeyDER}),
		"notes.pem": append(append([]byte{}, certificate...), private...)} {
		must(os.WriteFile(c.file(name), text, 0o644))
	}
	c.roots.AppendCertsFromPEM(authority)
	return c
}

func (c certificates) file(name string) string { return filepath.Join(c.dir, name) }
