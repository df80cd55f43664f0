// Package keyset holds the IdP's signing keys. Unlike go-oidc's RemoteKeySet it
// bounds what a stranger can make it fetch: junk tokens cause at most one fetch per
// interval, however many arrive. And it reads the keys again when they are old, so
// that a key which the IdP has withdrawn does not verify for ever.
package keyset

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/tandem-sso/tandem/rp/internal/outside"
)

const (
	maxBody = 512 << 10
	maxKeys = 100
	timeout = 10 * time.Second
)

const (
	// Interval is the least time between two fetches that a logout token can cause.
	Interval = 10 * time.Second
	// keep is how long keys are used that cannot be read again.
	keep = 24 * time.Hour
	// again is the pause after old keys could not be read again.
	again = time.Minute
	// patience is how long anybody waits for old keys to be read again before the old
	// ones go on.
	patience = 2 * time.Second
)

// ErrNoKey says: no key of the IdP verifies the signature.
var ErrNoKey = errors.New("keyset: no key of the IdP verifies the signature")

// AlgError says: a token is signed with another algorithm than the one that is expected, or
// with none.
type AlgError struct{ Got, Want string }

func (e *AlgError) Error() string {
	return fmt.Sprintf("it is signed with %q, and %s is expected", outside.Text(e.Got, 40), e.Want)
}

// UnavailableError says: the keys could not be fetched, so nothing is known about
// the signature.
type UnavailableError struct {
	Err error
	// RetryAfter is not zero where the token names a key that is not known, and the
	// keys were asked for so recently that they are not asked for again before that.
	RetryAfter time.Duration
}

func (e *UnavailableError) Error() string { return "keyset: " + e.Err.Error() }
func (e *UnavailableError) Unwrap() error { return e.Err }

var errJustRead = errors.New("the keys were read a moment ago, and the key that the token names was not among them")

// Set is a remote JSON Web Key Set (RFC 7517) with a memory.
type Set struct {
	client *http.Client
	now    func() time.Time

	// Trouble is told, once a minute at most, that old keys could not be read again,
	// and until when they go on. It may be nil, and is set before the first use.
	Trouble func(err error, until time.Time)
	// News is told the ids of the keys that were read. It may be nil, must not block, and is
	// set before the first use.
	News func(ids []string)

	mu      sync.Mutex // never held over I/O
	url     string
	keys    []jose.JSONWebKey
	read    time.Time // start of the fetch that brought them
	due     time.Time // when they are old
	tried   time.Time // start of the last fetch
	failed  error     // of the last fetch
	current *fetch
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
	if other := (*jose.ErrUnexpectedSignatureAlgorithm)(nil); errors.As(err, &other) {
		return nil, fmt.Errorf("keyset: %w", &AlgError{string(other.Got), string(v.algs[0])})
	}
	if err != nil {
		return nil, fmt.Errorf("keyset: not a token signed with %v", v.algs)
	}
	kid := jws.Signatures[0].Header.KeyID
	known, tried, asked, err := v.set.known(ctx)
	if payload, ok := verify(jws, known, kid); ok {
		return payload, nil
	}
	switch {
	case asked && err == nil && v.limited:
		return nil, ErrNoKey // these are as new as they get
	case asked && err != nil && err != errLate:
		return nil, notFetched(err, 0)
	}
	if v.limited {
		if wait, failed := v.set.tooSoon(); wait > 0 {
			known, _, _ = v.set.snapshot() // a fetch may have ended since the look above
			if payload, ok := verify(jws, known, kid); ok {
				return payload, nil
			}
			return nil, undecided(wait, failed, knows(known, kid))
		}
	}
	asked, err = v.set.refresh(ctx, tried, false)
	if err != nil {
		return nil, notFetched(err, 0)
	}
	known, _, _ = v.set.snapshot()
	if payload, ok := verify(jws, known, kid); ok {
		return payload, nil
	}
	if v.limited && !asked { // what somebody else has asked for began before this token came
		wait, failed := v.set.tooSoon()
		return nil, undecided(max(wait, time.Second), failed, knows(known, kid))
	}
	return nil, ErrNoKey
}

// undecided is the answer while the keys are not asked for again. A key that is not
// known may have been published since they were, by chance or because a stranger's
// junk made us ask just before: so nothing is said against its token. That a known one
// was exchanged under its name in these few seconds is not assumed.
func undecided(wait time.Duration, failed error, named bool) error {
	switch {
	case named && failed == nil:
		return ErrNoKey
	case named:
		return notFetched(failed, 0)
	case failed == nil:
		return &UnavailableError{Err: errJustRead, RetryAfter: wait}
	}
	return notFetched(failed, wait)
}

func notFetched(err error, wait time.Duration) error {
	return &UnavailableError{Err: fmt.Errorf("the keys cannot be fetched: %w", err), RetryAfter: wait}
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

// knows tells whether a key has this id. A token without one names none, whatever the
// keys are called.
func knows(keys []jose.JSONWebKey, kid string) bool {
	for i := range keys {
		if kid != "" && keys[i].KeyID == kid {
			return true
		}
	}
	return false
}

// known returns the keys that may be used now; old ones are read again first. Where
// that fails or takes too long, the old ones go on, and err says so. asked is refresh's.
func (s *Set) known(ctx context.Context) (keys []jose.JSONWebKey, tried time.Time, asked bool, err error) {
	keys, tried, old := s.snapshot()
	if old {
		asked, err = s.refresh(ctx, tried, true)
		keys, tried, _ = s.snapshot()
	}
	return keys, tried, asked, err
}

// snapshot tells what is known: keys that were read longer ago than keep are not. old
// says that they are to be read again, and may be.
func (s *Set) snapshot() (keys []jose.JSONWebKey, tried time.Time, old bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	old = len(s.keys) > 0 && (!now.Before(s.due) || now.Before(s.read)) && // the clock may have been set back
		(s.current != nil || s.windowLocked(now) == 0)
	if now.Sub(s.read) < keep {
		keys = s.keys
	}
	return keys, s.tried, old
}

// windowLocked is how long no other fetch is to be made after the last one.
func (s *Set) windowLocked(now time.Time) time.Duration {
	if s.tried.IsZero() || now.Before(s.tried) {
		return 0
	}
	return max(0, Interval-now.Sub(s.tried))
}

// tooSoon returns how long no other fetch is to be made, and how the last one failed.
// One that is still under way is not too soon: it is to be waited for, or all but the
// first of several logout tokens that arrive together would be refused.
func (s *Set) tooSoon() (wait time.Duration, failed error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current != nil {
		return 0, nil
	}
	return s.windowLocked(s.now()), s.failed
}
