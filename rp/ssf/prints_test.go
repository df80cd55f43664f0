package ssf_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/internal/printtest"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/ssf"
)

var planted = printtest.Secrets{"push token": pushToken, "token of the management API": apiToken}

// Nothing that the package exports prints a secret.
func TestNothingPrints(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		var config ssf.Config
		r, stream := w.receiver(ssf.Push, func(c *ssf.Config) { config = *c })
		ada := w.signedIn("ada")
		time.Sleep(time.Second)
		w.accepted(stream, ada.revoked())
		request := ssf.StreamRequest{Method: ssf.Push, PushURL: pushURL, PushToken: pushToken}
		printtest.Types(w.T, planted, map[string][]any{
			"Config": {config}, "Receiver": {r}, "StreamRequest": {request}, "Stream": {stream},
			"TransmitterConfig": {w.transmitterConfig()}, "Transmitter": {w.client},
			"StreamState": {r.State()}, "StreamStatus": {r.State().Status}, "Event": {w.lastEvent()},
			"SubjectID":   {w.lastEvent().Subject},
			"ConfigError": {printtest.Exempt("names a field")}, "StatusError": {printtest.Exempt("a number")},
			"Sessions": {printtest.Exempt("an interface")},
		})
		printtest.Check(w.T, "pointers", planted,
			[]any{map[string]*ssf.Config{"c": &config}, []*ssf.StreamRequest{&request}})
		if found := planted.Found(w.log.text()); found != "" {
			t.Errorf("the %s is in the log", found)
		}
	})
}

// A transmitter that repeats what it was sent puts no secret into an error or a log,
// and neither does the server that the access token comes from.
func TestNothingPrintsOfAHostileServer(t *testing.T) {
	for how, answer := range printtest.Echoes() {
		t.Run(how, func(t *testing.T) {
			inBubble(t, setup{}, func(w *world) {
				stream := w.stream(ssf.Poll)
				w.serve("hostile.example", printtest.Echo(w.T, answer))
				network := w.idp.Net.Transport()
				around := false // all calls but discovery
				c := w.transmitterConfig()
				c.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
					if around {
						r = r.Clone(r.Context())
						r.URL.Host, r.Host = "hostile.example", ""
					}
					return network.RoundTrip(r)
				})}
				var err error
				if w.client, err = ssf.Discover(w.Context(), c); err != nil {
					t.Fatal(err)
				}
				around = true
				_, err = w.client.Status(w.Context(), stream.ID)
				if err == nil {
					t.Fatal("it has a status")
				}
				printtest.Check(w.T, how, planted, err)
				r := w.receiverOf(stream)
				time.Sleep(time.Minute)
				if err := r.Close(); err != nil {
					t.Error(err)
				}
				if found := planted.Found(w.log.text()); found != "" {
					t.Errorf("the %s is in the log: %s", found, w.log.text())
				}
			})
		})
	}
}

// oauth2 puts the whole answer into its error.
func TestNothingPrintsOfTheTokenSource(t *testing.T) {
	inBubble(t, setup{}, func(w *world) {
		for _, fault := range []error{
			&oauth2.RetrieveError{Response: &http.Response{Status: "500 " + apiToken, StatusCode: 500},
				Body: []byte(apiToken)},
			&oauth2.RetrieveError{Response: &http.Response{StatusCode: 400}, ErrorCode: apiToken,
				ErrorDescription: apiToken},
			fmt.Errorf("no token: %w", &oauth2.RetrieveError{Response: &http.Response{StatusCode: 401},
				ErrorCode: "invalid_client", ErrorDescription: apiToken}),
			fmt.Errorf("malformed HTTP response %q", apiToken),
		} {
			c := w.transmitterConfig()
			c.AccessToken = func(context.Context) (rp.Secret, error) { return "", fault }
			client, err := ssf.Discover(w.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			if _, err = client.Stream(w.Context(), "x"); err == nil {
				t.Fatal("it has a stream")
			}
			printtest.Check(w.T, "token source", planted, err)
			var retrieve *oauth2.RetrieveError
			if errors.As(fault, &retrieve) != errors.As(err, &retrieve) {
				t.Errorf("a program does not see what has failed: %v", err)
			}
		}
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
