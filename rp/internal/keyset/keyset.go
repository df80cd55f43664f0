// Package keyset holds the IdP's signing keys. Unlike go-oidc's RemoteKeySet it
// bounds what a stranger can make it fetch: junk tokens with invented key ids
// cause at most one fetch per interval, however many arrive.
package keyset

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxBody = 512 << 10
	maxKeys = 100
	timeout = 10 * time.Second
)

// Interval is the least time between two fetches that a logout token can cause.
const Interval = 10 * time.Second

// ErrNoKey says: no key of the IdP verifies the signature.
var ErrNoKey = errors.New("keyset: no key of the IdP verifies the signature")

// UnavailableError says: the keys could not be fetched, so nothing is known about
// the signature.
type UnavailableError struct{ Err error }

func (e *UnavailableError) Error() string { return "keyset: keys cannot be fetched: " + e.Err.Error() }
func (e *UnavailableError) Unwrap() error { return e.Err }

// Set is a remote JSON Web Key Set (RFC 7517) with a memory.
type Set struct {
	url    string
	client *http.Client
	now    func() time.Time

	mu      sync.Mutex // never held over I/O
	keys    []jose.JSONWebKey
	tried   time.Time // start of the last fetch
	failed  error     // of the last fetch
	current *fetch
}

type fetch struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error
}

// New returns a set that is filled at its first use.
func New(url string, client *http.Client, now func() time.Time) *Set {
	return &Set{url: url, client: client, now: now}
}

// View verifies signatures for one kind of token; it satisfies oidc.KeySet.
type View struct {
	set     *Set
	algs    []jose.SignatureAlgorithm
	limited bool
}

// Trusted is for tokens that come straight from the token endpoint: an unknown
// key is fetched at once, so that a rotation never fails a log-in.
func (s *Set) Trusted(alg string) *View {
	return &View{set: s, algs: []jose.SignatureAlgorithm{jose.SignatureAlgorithm(alg)}}
}

// Limited is for tokens that anybody may have sent.
func (s *Set) Limited(alg string) *View {
	v := s.Trusted(alg)
	v.limited = true
	return v
}

// VerifySignature returns the payload if a key of the IdP has signed token with
// the one algorithm that is expected. Key references inside the token (jku, jwk,
// x5u, x5c) are ignored (RFC 8725 §3.10).
func (v *View) VerifySignature(ctx context.Context, token string) ([]byte, error) {
	jws, err := jose.ParseSignedCompact(token, v.algs)
	if err != nil {
		return nil, fmt.Errorf("keyset: not a token signed with %v", v.algs)
	}
	kid := jws.Signatures[0].Header.KeyID
	known, tried := v.set.lookup()
	if payload, ok := verify(jws, known, kid); ok {
		return payload, nil
	}
	if v.limited && len(known) > 0 && knows(known, kid) {
		return nil, ErrNoKey // the named key was tried: a fetch would change nothing
	}
	if v.limited {
		if soon, failed := v.set.tooSoon(); failed != nil {
			return nil, &UnavailableError{failed} // the key may be there: nobody could look
		} else if soon {
			return nil, ErrNoKey
		}
	}
	if err := v.set.refresh(ctx, tried); err != nil {
		return nil, &UnavailableError{err}
	}
	known, _ = v.set.lookup()
	if payload, ok := verify(jws, known, kid); ok {
		return payload, nil
	}
	return nil, ErrNoKey
}

func verify(jws *jose.JSONWebSignature, keys []jose.JSONWebKey, kid string) ([]byte, bool) {
	for i := range keys {
		if kid != "" && keys[i].KeyID != "" && keys[i].KeyID != kid {
			continue
		}
		if payload, err := jws.Verify(&keys[i]); err == nil {
			return payload, true
		}
	}
	return nil, false
}

func knows(keys []jose.JSONWebKey, kid string) bool {
	for i := range keys {
		if keys[i].KeyID == kid {
			return true
		}
	}
	return false
}

func (s *Set) lookup() ([]jose.JSONWebKey, time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.keys, s.tried
}

// tooSoon reports whether the last fetch is so fresh that no other one is to be
// made, and how that one failed. One that is still under way is not too soon: it
// is to be waited for, or all but the first of several logout tokens that arrive
// together would be refused.
func (s *Set) tooSoon() (soon bool, failed error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil || s.tried.IsZero() || s.now().Sub(s.tried) >= Interval {
		return false, nil
	}
	return true, s.failed
}

// refresh fetches the keys unless somebody has begun to since seen; callers at
// the same time share one fetch.
func (s *Set) refresh(ctx context.Context, seen time.Time) error {
	s.mu.Lock()
	f := s.current
	if f == nil && !s.tried.Equal(seen) {
		s.mu.Unlock()
		return nil // somebody fetched between our look and now
	}
	if f == nil {
		own, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
		f = &fetch{cancel: cancel, done: make(chan struct{})}
		s.current, s.tried = f, s.now()
		go s.run(own, f)
	}
	s.mu.Unlock()
	select {
	case <-f.done:
		return f.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Stop ends a fetch that is under way and waits for it.
func (s *Set) Stop() {
	s.mu.Lock()
	f := s.current
	s.mu.Unlock()
	if f != nil {
		f.cancel()
		<-f.done
	}
}

func (s *Set) run(ctx context.Context, f *fetch) {
	defer f.cancel()
	keys, err := s.fetch(ctx)
	s.mu.Lock()
	if err == nil {
		s.keys = keys
	}
	f.err, s.failed = err, err
	s.current = nil
	s.mu.Unlock()
	close(f.done)
}

func (s *Set) fetch(ctx context.Context) ([]jose.JSONWebKey, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("jwks_uri answered %d", resp.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody+1))
	if err != nil {
		return nil, err
	}
	if len(body) > maxBody {
		return nil, fmt.Errorf("jwks_uri answered more than %d bytes", maxBody)
	}
	return Parse(body)
}

// Parse reads a key set and keeps the public keys that verify signatures. A key
// that it does not understand is left out: IdPs publish kinds we need not know.
func Parse(body []byte) ([]jose.JSONWebKey, error) {
	var doc struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(body, &doc); err != nil {
		return nil, errors.New("jwks_uri answered no JSON key set")
	}
	var keys []jose.JSONWebKey
	for _, raw := range doc.Keys {
		var k jose.JSONWebKey
		if k.UnmarshalJSON(raw) != nil || !k.Valid() || !k.IsPublic() || (k.Use != "" && k.Use != "sig") || weak(k) {
			continue
		}
		if keys = append(keys, k); len(keys) == maxKeys {
			break
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("jwks_uri answered no key that verifies signatures")
	}
	return keys, nil
}

// weak: RSA keys have at least 2048 bits (RFC 7518 §3.3, §3.5).
func weak(k jose.JSONWebKey) bool {
	key, ok := k.Key.(*rsa.PublicKey)
	return ok && key.N.BitLen() < 2048
}
