package resourceserver

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/dpop"
)

// ErrProof means that the DPoP proof is missing, is not valid for this request and this token
// (RFC 9449 §4.3), or was used before.
var ErrProof = errors.New("resourceserver: the DPoP proof is missing or not valid")

// binding is what a token is bound to (RFC 7800): its cnf.
type binding struct {
	JKT string `json:"jkt"`      // RFC 9449 §6
	X5T string `json:"x5t#S256"` // RFC 8705 §3.1
}

// checkBound takes a token that was shown by the scheme DPoP.
func (s *Server) checkBound(r *http.Request, raw string) (*Token, error) {
	proofs := r.Header.Values("DPoP")
	if len(proofs) != 1 {
		return nil, fmt.Errorf("%w: the request has %d DPoP headers, and exactly one is needed", ErrProof, len(proofs))
	}
	now := s.cfg.Now()
	proof, err := dpop.Verify(proofs[0], dpop.Want{Method: r.Method, Target: s.target(r), Token: raw, Now: now})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrProof, err)
	}
	t, err := s.introspect(r.Context(), raw)
	if err != nil {
		return nil, err
	}
	switch {
	case t.bound == nil || t.bound.JKT == "": // §7.2: a bearer token is none of these
		return nil, fmt.Errorf("%w: it is not bound to a key, but it was sent as a DPoP token", ErrInactive)
	case subtle.ConstantTimeCompare([]byte(t.bound.JKT), []byte(proof.Thumbprint)) != 1:
		return nil, fmt.Errorf("%w: it is bound to another key", ErrInactive)
	case t.bound.X5T != "" && !showsCertificate(r, t.bound.X5T):
		return nil, fmt.Errorf("%w: it is also bound to a certificate, and the client did not present that "+
			"certificate", ErrInactive)
	case !s.proofs.first(proof.Thumbprint+" "+proof.ID, now):
		return nil, fmt.Errorf("%w: it was used before", ErrProof)
	}
	return t, nil
}

// asBearer says why a good token may not be shown by the scheme Bearer. Certificates bind
// such tokens too (RFC 8705 §3), and r is nil where nobody knows whether one was shown.
func (t *Token) asBearer(r *http.Request, onlyBound bool) error {
	switch {
	case t.bound == nil && onlyBound:
		return fmt.Errorf("%w: it is a plain bearer token, and this API accepts only bound tokens", ErrInactive)
	case t.bound == nil:
		return nil
	case t.bound.JKT != "" || t.bound.X5T == "": // RFC 9449 §7.1
		return fmt.Errorf("%w: it is bound to a key, but it was sent as a bearer token", ErrInactive)
	case r == nil || r.TLS == nil || len(r.TLS.PeerCertificates) == 0:
		return fmt.Errorf("%w: it is bound to a certificate, and the client presented none", ErrInactive)
	}
	if !showsCertificate(r, t.bound.X5T) {
		return fmt.Errorf("%w: it is bound to another certificate", ErrInactive)
	}
	return nil
}

// showsCertificate reports whether the caller has proved to have the certificate of that
// thumbprint.
func showsCertificate(r *http.Request, x5t string) bool {
	if r.TLS == nil || len(r.TLS.PeerCertificates) == 0 {
		return false
	}
	sum := sha256.Sum256(r.TLS.PeerCertificates[0].Raw)
	return base64.RawURLEncoding.EncodeToString(sum[:]) == x5t
}

// target is the address of a request as its caller wrote it. The host is that of the
// configuration: what a request says of it anybody may have written.
func (s *Server) target(r *http.Request) string {
	base, err := url.Parse(s.cfg.BaseURL)
	if err != nil {
		return ""
	}
	whole, err := url.Parse(strings.TrimSuffix(base.EscapedPath(), "/") + r.URL.EscapedPath())
	if err != nil {
		return ""
	}
	whole.Scheme, whole.Host = base.Scheme, base.Host
	return dpop.Target(whole)
}

// proofs remembers those that were taken, for as long as they are good: in two halves, of
// which the older one is dropped when the newer one is as old as a proof may be.
type proofs struct {
	mu          sync.Mutex
	now, before map[[16]byte]struct{}
	began       time.Time // of now
}

const (
	proofLife = 2 * dpop.Window // from a minute in the future to a minute in the past
	maxProofs = 1 << 18         // in one half; beyond it, it is dropped sooner
)

// first reports whether a proof is new, and notes it.
func (p *proofs) first(id string, at time.Time) bool {
	sum := sha256.Sum256([]byte(id))
	key := [16]byte(sum[:16])
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.now == nil || at.Sub(p.began).Abs() >= proofLife || len(p.now) >= maxProofs {
		p.before, p.now, p.began = p.now, map[[16]byte]struct{}{}, at
	}
	_, late := p.before[key]
	_, again := p.now[key]
	p.now[key] = struct{}{}
	return !late && !again
}
