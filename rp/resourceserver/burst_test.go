package resourceserver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp/resourceserver"
)

// gated is an IdP that answers when it is let.
type gated struct {
	gate  chan struct{}
	body  string
	asked atomic.Int32
}

func (g *gated) RoundTrip(r *http.Request) (*http.Response, error) {
	g.asked.Add(1)
	select {
	case <-g.gate:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	return &http.Response{StatusCode: 200, Status: "200 OK", Header: http.Header{"Content-Type": {"application/json"}},
		Body: io.NopCloser(strings.NewReader(g.body))}, nil
}

func (g *gated) server(t *testing.T, change ...func(*resourceserver.Config)) *resourceserver.Server {
	t.Helper()
	g.gate = make(chan struct{})
	if g.body == "" {
		g.body = `{"active":true,"sub":"ada"}`
	}
	c := resourceserver.Config{IntrospectionURL: "https://idp.example/introspect", ClientID: "api",
		ClientSecret: "s3cret", Audience: []string{"api"},
		HTTPClient: &http.Client{Transport: g}, Logger: slog.New(slog.DiscardHandler)}
	g.body = strings.Replace(g.body, `"sub"`, `"aud":"api","sub"`, 1)
	for _, f := range change {
		f(&c)
	}
	s, err := resourceserver.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// A page that calls the API many times at once costs the IdP one introspection,
// whatever it answers, with a cache and without.
func TestABurstIsOneIntrospection(t *testing.T) {
	for _, cacheFor := range []time.Duration{0, time.Minute} {
		for answer, fits := range map[string]func(*resourceserver.Token, error) bool{
			`{"active":true,"sub":"ada"}`: func(token *resourceserver.Token, err error) bool {
				return err == nil && token.Subject == "ada"
			},
			`{"active":false}`: func(_ *resourceserver.Token, err error) bool {
				return errors.Is(err, resourceserver.ErrInactive)
			},
			`{`: func(_ *resourceserver.Token, err error) bool {
				return errors.As(err, new(*resourceserver.UnavailableError))
			},
		} {
			t.Run(fmt.Sprintf("cache %v %s", cacheFor, answer), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					g := &gated{body: answer}
					s := g.server(t, func(c *resourceserver.Config) { c.CacheFor = cacheFor })
					var all sync.WaitGroup
					for range 100 {
						all.Go(func() {
							if token, err := s.Introspect(t.Context(), "tok"); !fits(token, err) {
								t.Errorf("%+v, %v", token, err)
							}
						})
					}
					synctest.Wait()
					if n := g.asked.Load(); n != 1 {
						t.Errorf("asked %d times", n)
					}
					close(g.gate)
					all.Wait()
					if n := g.asked.Load(); n != 1 {
						t.Errorf("asked %d times in all", n)
					}
				})
			})
		}
	}
}

// Whoever asks and gives up takes nobody along, and who waits does not wait for longer
// than it wants.
func TestABurstSurvivesWhoGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gated{}
		s := g.server(t)
		var trouble *resourceserver.UnavailableError
		first, cancel := context.WithCancel(t.Context())
		gone := make(chan error, 2)
		go func() { _, err := s.Introspect(first, "tok"); gone <- err }()
		synctest.Wait()
		second, cancelSecond := context.WithTimeout(t.Context(), time.Second)
		defer cancelSecond()
		go func() { _, err := s.Introspect(second, "tok"); gone <- err }()
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if token, err := s.Introspect(t.Context(), "tok"); err != nil || token.Subject != "ada" {
					t.Errorf("%+v, %v", token, err)
				}
			})
		}
		time.Sleep(2 * time.Second)
		if err := <-gone; !errors.As(err, &trouble) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("who waited for a second: %v", err)
		}
		cancel()
		if err := <-gone; !errors.As(err, &trouble) || !errors.Is(err, context.Canceled) {
			t.Errorf("who asked: %v", err)
		}
		synctest.Wait()
		if n := g.asked.Load(); n != 2 {
			t.Errorf("asked %d times, want once more for the others", n)
		}
		close(g.gate)
		all.Wait()
		if n := g.asked.Load(); n != 2 {
			t.Errorf("asked %d times in all", n)
		}
	})
}

// Tokens do not wait for each other.
func TestOtherTokensDoNotWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := &gated{}
		s := g.server(t)
		var all sync.WaitGroup
		for i := range 10 {
			all.Go(func() {
				if _, err := s.Introspect(t.Context(), fmt.Sprint("tok", i)); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n := g.asked.Load(); n != 10 {
			t.Errorf("asked %d times", n)
		}
		close(g.gate)
		all.Wait()
	})
}

// Junk tokens, of which anybody can send as many as they like, drive no good answer
// out, and only as many of them are remembered.
func TestJunkDrivesOutNoGoodAnswer(t *testing.T) {
	i := start(t)
	s := i.server(t, func(c *resourceserver.Config) { c.CacheFor, c.CacheSize = time.Hour, 3 })
	for _, good := range []string{"a", "b", "c"} {
		if _, err := s.Introspect(t.Context(), good); err != nil {
			t.Fatal(err)
		}
	}
	i.says(`{"active":false}`)
	for n := range 100 {
		if _, err := s.Introspect(t.Context(), fmt.Sprint("junk", n)); !errors.Is(err, resourceserver.ErrInactive) {
			t.Fatal(err)
		}
	}
	before := i.asked.Load()
	for _, good := range []string{"a", "b", "c"} {
		if _, err := s.Introspect(t.Context(), good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, junk := range []string{"junk99", "junk98", "junk97"} {
		if _, err := s.Introspect(t.Context(), junk); !errors.Is(err, resourceserver.ErrInactive) {
			t.Errorf("%s: %v", junk, err)
		}
	}
	if n := i.asked.Load() - before; n != 0 {
		t.Errorf("asked %d times", n)
	}
	if _, err := s.Introspect(t.Context(), "junk0"); !errors.Is(err, resourceserver.ErrInactive) ||
		i.asked.Load()-before != 1 {
		t.Errorf("the oldest junk is remembered: %v", err)
	}
}

// A token that was good and is not any more, and the other way round: the newest
// answer counts.
func TestTheNewestAnswerCounts(t *testing.T) {
	i := start(t)
	now := time.Unix(1_800_000_000, 0)
	s := i.server(t, func(c *resourceserver.Config) {
		c.CacheFor, c.Now = time.Minute, func() time.Time { return now }
	})
	for round, answer := range []string{`{"active":true}`, `{"active":false}`, `{"active":true}`} {
		i.says(answer)
		for range 2 {
			if _, err := s.Introspect(t.Context(), "tok"); (err == nil) != strings.Contains(answer, "true") {
				t.Errorf("round %d: %v", round, err)
			}
		}
		now = now.Add(time.Minute)
	}
	if n := i.asked.Load(); n != 3 {
		t.Errorf("asked %d times", n)
	}
}

// An aud that nobody checks is told at the start, and as soon as an answer names it,
// once, with the names to choose from.
func TestUncheckedAudienceIsTold(t *testing.T) {
	i := start(t)
	var log bytes.Buffer
	told := func(finding string) int { return strings.Count(log.String(), "finding="+finding) }
	open := func(audience ...string) *resourceserver.Server {
		log.Reset()
		return i.server(t, func(c *resourceserver.Config) {
			c.Audience, c.Logger = audience, slog.New(slog.NewTextHandler(&log, nil))
		})
	}
	s := open()
	if told("audience_unchecked") != 1 || !strings.Contains(log.String(), "level=WARN") ||
		!strings.Contains(log.String(), "Config.Audience is empty") {
		t.Errorf("at the start:\n%s", &log)
	}
	call(s, "tok") // whose answer names none
	if told("audience_named") != 0 {
		t.Errorf("no aud:\n%s", &log)
	}
	i.says(`{"active":true,"sub":"ada","aud":["https://notes.example","https://photos.example"]}`)
	for range 3 {
		if r := call(s, "t0ken"); r.StatusCode != 200 {
			t.Error(r.Status)
		}
	}
	if told("audience_named") != 1 || !strings.Contains(log.String(), "https://photos.example") ||
		strings.Contains(log.String(), "t0ken") {
		t.Errorf("an aud:\n%s", &log)
	}
	s = open("https://notes.example")
	if r := call(s, "tok"); r.StatusCode != 200 || log.Len() > 0 {
		t.Errorf("a checked aud: %s\n%s", r.Status, &log)
	}
}
