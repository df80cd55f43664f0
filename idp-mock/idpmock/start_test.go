package idpmock_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// A test must not wait for its provider: 50 ms from New to the first answer, an
// RSA key being made meanwhile. The best of some tries counts: the machine has
// other work.
func TestStartIsQuick(t *testing.T) {
	best := time.Hour
	for range 5 {
		begun := time.Now()
		idp, err := idpmock.New(idpmock.Config{Issuer: "https://idp.example"})
		if err != nil {
			t.Fatal(err)
		}
		w := httptest.NewRecorder()
		idp.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "https://idp.example"+idpmock.PathDiscovery,
			nil))
		best = min(best, time.Since(begun))
		idp.Close()
		if w.Code != http.StatusOK {
			t.Fatal(w.Code)
		}
	}
	if best > 50*time.Millisecond {
		t.Errorf("%v", best)
	}
}

// Close ends what New has begun, however often and in whatever state.
func TestClose(t *testing.T) {
	idp, err := idpmock.New(idpmock.Config{Issuer: "https://idp.example", SigningAlg: "ES256",
		Clients:    []idpmock.Client{app("notes")},
		HTTPClient: &http.Client{Transport: hanging{}}, ExpiredSessionsTriggerBackchannelLogout: true})
	if err != nil {
		t.Fatal(err)
	}
	events, cancel := idp.Subscribe(1)
	if _, err := idp.Browser("ada").Authorize(t.Context(), authURL("https://idp.example", "notes")); err != nil {
		t.Fatal(err)
	}
	idp.EndUser("ada") // its delivery hangs
	idp.Close()
	idp.Close()
	for range events { // closed, not stuck
	}
	cancel()
	if err := idp.Settle(t.Context()); err != idpmock.ErrClosed {
		t.Errorf("%v", err)
	}
	idp.Advance(time.Hour) // nothing is started any more
	if ch, cancel := idp.Subscribe(1); true {
		if _, open := <-ch; open {
			t.Error("a subscription after Close")
		}
		cancel()
	}
}

// hanging is a network where nobody answers.
type hanging struct{}

func (hanging) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return nil, r.Context().Err()
}
