package idptest_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

func TestStart(t *testing.T) {
	s := idptest.Start(t, idptest.WithClients(idpmock.Client{ID: "notes"}),
		idptest.WithUsers(idpmock.User{Username: "ada"}))
	resp, err := http.Get(s.URL + idpmock.PathDiscovery)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var meta map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&meta); err != nil || meta["issuer"] != s.URL {
		t.Fatal(err, meta["issuer"])
	}
	s.MustSignIn("ada")
	if n := len(s.Sessions()); n != 1 {
		t.Errorf("%d sessions", n)
	}
	s.Expect(idpmock.EndpointDiscovery, "", 1)
	s.Settle()
}

// Tests coordinate lifetimes unless they say otherwise.
func TestDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := idptest.StartMem(t, idptest.WithConfig(func(c *idpmock.Config) {
			if !c.CoordinateClientLifetimes || !c.ExpiredSessionsTriggerBackchannelLogout {
				t.Errorf("%+v", c)
			}
			c.SigningAlg = "ES256"
		}))
		if s.URL != "https://idp.example" {
			t.Error(s.URL)
		}
		resp, err := s.Net.Client().Get(s.URL + idpmock.PathJWKS)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(err)
		}
		resp.Body.Close()
		s.MustSignIn("ada")
		time.Sleep(15*time.Minute + time.Second)
		if n := len(s.Sessions()); n != 0 {
			t.Errorf("%d sessions", n)
		}
	})
}

// A provider by its name, with a change.
func TestLike(t *testing.T) {
	s := idptest.Start(t, idptest.Like("dex", func(t *idpmock.Temperament) { t.MaxRefreshTokens = 2 }))
	var got idpmock.Temperament
	if err := s.Update(func(c *idpmock.Config) { got = c.Temperament }); err != nil {
		t.Fatal(err)
	}
	if got.Name != "dex" || got.MaxRefreshTokens != 2 || got.ReuseGrace != 3*time.Second {
		t.Errorf("%+v", got)
	}
	r := &recorder{TB: t}
	done := make(chan struct{})
	go func() { defer close(done); idptest.Start(r, idptest.Like("decks")) }()
	<-done
	if text := strings.Join(r.said, "\n"); !strings.Contains(text, `"decks" is none of adfs, apple, auth0`) {
		t.Error(text)
	}
}

// recorder is a testing.TB that keeps what a failing test would say.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Helper()                   {}
func (r *recorder) Errorf(f string, a ...any) { r.said = append(r.said, fmt.Sprintf(f, a...)) }
func (r *recorder) Logf(f string, a ...any)   { r.said = append(r.said, fmt.Sprintf(f, a...)) }
func (r *recorder) Fatalf(f string, a ...any) {
	r.said = append(r.said, fmt.Sprintf(f, a...))
	runtime.Goexit()
}

// A failure shows what was asked, what came, and the requests.
func TestFailuresHelp(t *testing.T) {
	r := &recorder{TB: t}
	s := idptest.Start(r)
	if resp, err := http.Get(s.URL + idpmock.PathAuthorize + "?client_id=nobody"); err == nil {
		resp.Body.Close()
	}
	s.Expect(idpmock.EndpointRefresh, "notes", 2)
	text := strings.Join(r.said, "\n")
	for _, want := range []string{`0 requests of client "notes" to "token/refresh", want 2`, "authorize",
		"client_id=nobody", "400 invalid_request"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		idptest.Start(r, idptest.WithUsers(idpmock.User{Username: "ada"})).MustSignIn("eve")
	}()
	<-done
	if last := r.said[len(r.said)-1]; !strings.Contains(last, "eve") {
		t.Error(last)
	}
}
