package keyset

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/internal/jwttest"
)

func TestBadAnswers(t *testing.T) {
	for name, spoil := range map[string]func(*idp){
		"500":          func(p *idp) { p.answer(500, jwttest.Set(rsa0())) },
		"404":          func(p *idp) { p.answer(404, nil) },
		"a redirect":   func(p *idp) { p.answer(302, nil) },
		"HTML":         func(p *idp) { p.answer(200, []byte("<!doctype html>")) },
		"no keys":      func(p *idp) { p.answer(200, []byte(`{"keys":[]}`)) },
		"another JSON": func(p *idp) { p.answer(200, []byte(`[]`)) },
		"too large": func(p *idp) {
			p.answer(200, append(jwttest.Set(rsa0()), bytes.Repeat([]byte(" "), maxBody)...))
		},
		"no connection": func(p *idp) { p.err = errors.New("connection refused") },
	} {
		t.Run(name, func(t *testing.T) {
			p := &idp{}
			spoil(p)
			set := p.set()
			if err := good(set.Limited("RS256"), rsa0().Sign(payload)); !isUnavailable(err) {
				t.Errorf("%v: nothing is known about the signature, so it must be an UnavailableError", err)
			}
			for range 50 {
				if err := good(set.Limited("RS256"), rsa0().Sign(payload)); !isUnavailable(err) {
					t.Errorf("the next one: %v", err)
				}
			}
			p.expect(t, 1)
			p.publish(rsa0())
			p.advance(Interval)
			if err := good(set.Limited("RS256"), rsa0().Sign(payload)); err != nil {
				t.Errorf("after the repair: %v", err)
			}
			// Once keys are known, a failing fetch takes none away, and says nothing
			// about tokens by others.
			spoil(p)
			p.advance(Interval)
			for range 2 {
				if err := good(set.Limited("RS256"), rsa1().Sign(payload)); !isUnavailable(err) {
					t.Errorf("an unknown key during an outage: %v", err)
				}
			}
			if err := good(set.Limited("RS256"), rsa0().Sign(payload)); err != nil {
				t.Errorf("a known key during an outage: %v", err)
			}
			p.expect(t, 3)
		})
	}
}

// Many tokens by a new key arrive together, as they do when an IdP ends many
// sessions: one fetch, and none of them is refused (BCL-25).
func TestSingleFlight(t *testing.T) {
	for name, known := range map[string]bool{"cold start": false, "after a rotation": true} {
		for view, of := range map[string]func(*Set, string) *View{"trusted": (*Set).Trusted,
			"limited": (*Set).Limited} {
			t.Run(name+" "+view, func(t *testing.T) {
				token := rsa1().Sign(payload)
				synctest.Test(t, func(t *testing.T) {
					p := &idp{delay: time.Second}
					set := p.set()
					fetches := int64(1)
					if known {
						p.publish(rsa0())
						if err := good(of(set, "RS256"), rsa0().Sign(payload)); err != nil {
							t.Fatal(err)
						}
						p.advance(time.Minute)
						fetches++
					}
					p.publish(rsa0(), rsa1())
					var all sync.WaitGroup
					for i := range 100 {
						all.Go(func() {
							time.Sleep(time.Duration(i) * 9 * time.Millisecond)
							if err := good(of(set, "RS256"), token); err != nil {
								t.Error(err)
							}
						})
					}
					all.Wait()
					p.expect(t, fetches)
				})
			})
		}
	}
}

// A key server that never answers holds nobody for longer than ten seconds, and
// a caller who gives up does not take the others' fetch away.
func TestSlow(t *testing.T) {
	token := rsa0().Sign(payload)
	synctest.Test(t, func(t *testing.T) {
		p := &idp{delay: time.Hour}
		set := p.set()
		began := time.Now()
		if err := good(set.Trusted("RS256"), token); !isUnavailable(err) {
			t.Error(err)
		}
		if took := time.Since(began); took != timeout {
			t.Errorf("held for %v", took)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		p := &idp{delay: 5 * time.Second}
		p.publish(rsa0())
		set := p.set()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		waited := make(chan error)
		go func() {
			time.Sleep(time.Millisecond)
			waited <- good(set.Trusted("RS256"), token)
		}()
		if _, err := set.Trusted("RS256").VerifySignature(ctx, token); !isUnavailable(err) ||
			!errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who gave up: %v", err)
		}
		if err := <-waited; err != nil {
			t.Errorf("who waited: %v", err)
		}
		p.expect(t, 1)
	})
}

// Stop leaves no goroutine behind, however slow the IdP is; the set can be used
// again.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		key := jwttest.ES256("a")
		p := &idp{}
		p.publish(key)
		p.delay = time.Hour
		s := New(url, &http.Client{Transport: p}, time.Now)
		got := make(chan error, 1)
		began := time.Now()
		go func() {
			_, err := s.Trusted("ES256").VerifySignature(context.Background(), key.Sign(payload))
			got <- err
		}()
		synctest.Wait()
		s.Stop()
		if d := time.Since(began); d != 0 {
			t.Errorf("it took %v to stop", d)
		}
		if down := (*UnavailableError)(nil); !errors.As(<-got, &down) {
			t.Error("the one who waited was not told that the keys are missing")
		}
		p.delay = 0
		if _, err := s.Trusted("ES256").VerifySignature(context.Background(), key.Sign(payload)); err != nil {
			t.Errorf("afterwards: %v", err)
		}
		s.Stop()
	})
}

// The first fetch ends between the look at the keys, of which there were none, and the question
// whether it is too soon for another fetch: the clock is read in both.
func TestTokenWhileTheFirstFetchEnds(t *testing.T) {
	keys, err := Parse(jwttest.Set(rsa0()))
	if err != nil {
		t.Fatal(err)
	}
	var s *Set
	looks, now := 0, time.Now()
	s = New(url, &http.Client{Transport: &idp{}}, func() time.Time {
		if looks++; looks == 2 {
			s.keys, s.read, s.tried, s.due = keys, now, now, now.Add(time.Hour)
		}
		return now
	})
	if err := good(s.Limited("RS256"), rsa0().Sign(payload)); err != nil {
		t.Error(err)
	}
}
