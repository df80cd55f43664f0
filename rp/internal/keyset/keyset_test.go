package keyset

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/internal/jwttest"
)

// idp answers requests for keys.
type idp struct {
	mu      sync.Mutex
	body    []byte
	status  int
	err     error
	delay   time.Duration
	urls    []string
	fetched atomic.Int64
	header  http.Header  // of its answers
	now     atomic.Int64 // offset of the clock
}

const url = "https://idp.example/jwks"

func (p *idp) RoundTrip(r *http.Request) (*http.Response, error) {
	p.fetched.Add(1)
	p.mu.Lock()
	body, status, err, delay, header := p.body, p.status, p.err, p.delay, p.header.Clone()
	p.urls = append(p.urls, r.URL.String())
	p.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	if err != nil {
		return nil, err
	}
	if status == 0 {
		status = http.StatusOK
	}
	return &http.Response{StatusCode: status, Body: io.NopCloser(bytes.NewReader(body)), Header: header}, nil
}

func (p *idp) publish(keys ...*jwttest.Key) { p.answer(http.StatusOK, jwttest.Set(keys...)) }

func (p *idp) answer(status int, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.body, p.err = status, body, nil
}

func (p *idp) advance(d time.Duration) { p.now.Add(int64(d)) }

func (p *idp) set() *Set {
	start := time.Now()
	return New(url, &http.Client{Transport: p}, func() time.Time { return start.Add(time.Duration(p.now.Load())) })
}

func (p *idp) expect(t *testing.T, n int64) {
	t.Helper()
	if got := p.fetched.Load(); got != n {
		t.Errorf("%d fetches, want %d", got, n)
	}
}

var (
	rsa0 = sync.OnceValue(func() *jwttest.Key { return jwttest.RS256("r0", 0) })
	rsa1 = sync.OnceValue(func() *jwttest.Key { return jwttest.RS256("r1", 1) })

	payload = jwttest.Claims{"sub": "ada"}
)

func good(v *View, token string) error {
	got, err := v.VerifySignature(context.Background(), token)
	if err == nil && string(got) != `{"sub":"ada"}` {
		return errors.New("another payload came back: " + string(got))
	}
	return err
}

// retryAfter is when a token may be shown again, 0 if the error does not say.
func retryAfter(err error) time.Duration {
	var u *UnavailableError
	if !errors.As(err, &u) {
		return 0
	}
	return u.RetryAfter
}

func isUnavailable(err error) bool {
	var u *UnavailableError
	return errors.As(err, &u)
}

// CORE-14: a rotation just before signing never fails a log-in, nor a log-out.
func TestRotation(t *testing.T) {
	for _, limited := range []bool{false, true} {
		p := &idp{}
		p.publish(rsa0())
		set := p.set()
		v := set.Trusted("RS256")
		if limited {
			v = set.Limited("RS256")
		}
		if err := good(v, rsa0().Sign(payload)); err != nil {
			t.Fatalf("limited %v: first use: %v", limited, err)
		}
		for range 3 {
			if err := good(v, rsa0().Sign(payload)); err != nil {
				t.Fatal(err)
			}
		}
		p.expect(t, 1) // and the keys are remembered
		p.publish(rsa1())
		p.advance(time.Minute)
		if err := good(v, rsa1().Sign(payload)); err != nil {
			t.Errorf("limited %v: after the rotation: %v", limited, err)
		}
		p.expect(t, 2)
		p.advance(Interval)
		if err := good(set.Limited("RS256"), rsa0().Sign(payload)); !errors.Is(err, ErrNoKey) {
			t.Errorf("limited %v: the retired key: %v", limited, err)
		}
	}
}

// A trusted token may name a key that was made this second.
func TestTrustedFetchesAtOnce(t *testing.T) {
	p := &idp{}
	p.publish(rsa0())
	v := p.set().Trusted("RS256")
	if err := good(v, rsa0().Sign(payload)); err != nil {
		t.Fatal(err)
	}
	p.publish(rsa0().Named("other"), rsa1())
	if err := good(v, rsa1().Sign(payload)); err != nil {
		t.Errorf("no time has passed since the last fetch: %v", err)
	}
	p.publish(rsa0().Named("r1")) // the id was used again for another key
	if err := good(v, rsa0().Named("r1").Sign(payload)); err != nil {
		t.Errorf("an id that was used again: %v", err)
	}
}

// BCL-25: however many junk tokens arrive, one fetch per interval. The one that causes
// it is refused; of the others it is not known whether their key was published since.
func TestFlood(t *testing.T) {
	p := &idp{}
	p.publish(rsa0())
	v := p.set().Limited("RS256")
	if err := good(v, rsa0().Sign(payload)); err != nil {
		t.Fatal(err)
	}
	junk := func(i int) string { return rsa1().Named("junk-" + strings.Repeat("x", i)).Sign(payload) }
	for i := range 50 {
		if err := good(v, junk(i)); retryAfter(err) != Interval {
			t.Fatal(err)
		}
	}
	p.expect(t, 1)
	for round := range int64(3) {
		p.advance(Interval)
		for i := range 50 {
			if err := good(v, junk(i)); errors.Is(err, ErrNoKey) != (i == 0) || i > 0 && retryAfter(err) != Interval {
				t.Fatal(err)
			}
		}
		p.expect(t, 2+round)
	}
	// Nor are known ids with bad signatures a reason for more.
	for round := range int64(3) {
		p.advance(Interval)
		for range 50 {
			if err := good(v, rsa1().Named("r0").Sign(payload)); !errors.Is(err, ErrNoKey) {
				t.Fatal(err)
			}
		}
		p.expect(t, 5+round)
	}
	if err := good(v, rsa0().Sign(payload)); err != nil {
		t.Errorf("the real one after the flood: %v", err)
	}
}

// Tokens of the wrong kind are refused before anything is fetched.
func TestWrongAlgorithm(t *testing.T) {
	ec := jwttest.ES256("e")
	p := &idp{}
	p.publish(rsa0(), ec)
	set := p.set()
	for name, token := range map[string]string{
		"ES256":          ec.Sign(payload),
		"none":           jwttest.Unsigned(payload),
		"HS256":          jwttest.HS256(jwttest.Set(rsa0()), payload, jwttest.Claims{"kid": "r0"}),
		"RS256 in words": ec.Sign(payload, jwttest.Claims{"alg": "RS512"}),
		"not a token":    "x.y",
		"nothing":        "",
		"five parts":     "a.b.c.d.e",
	} {
		for _, v := range []*View{set.Trusted("RS256"), set.Limited("RS256")} {
			if _, err := v.VerifySignature(t.Context(), token); err == nil || isUnavailable(err) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	p.expect(t, 0)
}

// RFC 8725 §3.10: the token does not say where its key is.
func TestKeyReferencesInTheTokenAreIgnored(t *testing.T) {
	p := &idp{}
	p.publish(rsa0())
	v := p.set().Trusted("RS256")
	for name, head := range map[string]jwttest.Claims{
		"jwk": {"jwk": rsa1().JWK()}, "jku": {"jku": "https://evil.example/jwks"},
		"x5u": {"x5u": "https://evil.example/cert"},
	} {
		if err := good(v, rsa1().Sign(payload, head)); err == nil {
			t.Errorf("%s was believed", name)
		}
	}
	for _, u := range p.urls {
		if u != url {
			t.Errorf("fetched %s", u)
		}
	}
}

// H -kid-absent-single-jwks, -kid-absent-multiple-jwks: all are tried.
func TestKeyID(t *testing.T) {
	ec := jwttest.ES256("e")
	for _, row := range []struct {
		name  string
		keys  []*jwttest.Key
		token string
		alg   string
		want  error
	}{
		{"absent, one key", []*jwttest.Key{rsa0()}, rsa0().Named("").Sign(payload), "RS256", nil},
		{"absent, several keys, the last fits", []*jwttest.Key{ec, rsa1(), rsa0()}, rsa0().Named("").Sign(payload),
			"RS256", nil},
		{"absent in the set too", []*jwttest.Key{rsa1().Named(""), rsa0().Named("")}, rsa0().Named("").Sign(payload),
			"RS256", nil},
		{"in the token only", []*jwttest.Key{rsa0().Named("")}, rsa0().Sign(payload), "RS256", nil},
		{"RSA and EC in one set, RSA", []*jwttest.Key{ec, rsa0()}, rsa0().Sign(payload), "RS256", nil},
		{"RSA and EC in one set, EC", []*jwttest.Key{rsa0(), ec}, ec.Sign(payload), "ES256", nil},
		{"RSA and EC under one id", []*jwttest.Key{rsa0().Named("k"), ec.Named("k")}, ec.Named("k").Sign(payload),
			"ES256", nil},
		{"two keys under one id", []*jwttest.Key{rsa1().Named("k"), rsa0().Named("k")}, rsa0().Named("k").Sign(payload),
			"RS256", nil},
		{"the id of another key", []*jwttest.Key{rsa0(), rsa1()}, rsa0().Named("r1").Sign(payload), "RS256", ErrNoKey},
		{"no key fits", []*jwttest.Key{rsa1(), ec}, rsa0().Named("").Sign(payload), "RS256", ErrNoKey},
	} {
		t.Run(row.name, func(t *testing.T) {
			p := &idp{}
			p.publish(row.keys...)
			set := p.set()
			if err := good(set.Limited(row.alg), row.token); !errors.Is(err, row.want) {
				t.Errorf("limited: %v, want %v", err, row.want)
			}
			if err := good(set.Trusted(row.alg), row.token); !errors.Is(err, row.want) {
				t.Errorf("trusted: %v, want %v", err, row.want)
			}
		})
	}
}
