package ssf_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/memnet"
	"github.com/tandem-sso/tandem/idp-mock/transmitter"
	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/ssf"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// A receiver of pushed events, beside the log-in.
func Example() {
	ctx := context.Background()
	e := startExample(ctx)
	defer e.close()

	// Once, by hand or by a small program: make a stream.
	transmitter, err := ssf.Discover(ctx, ssf.TransmitterConfig{
		Issuer: "https://idp.example", HTTPClient: e.net.Client(),
		AccessToken: func(context.Context) (rp.Secret, error) { return "token-for-the-management-api", nil },
	})
	check(err)
	stream, err := transmitter.CreateStream(ctx, ssf.StreamRequest{
		Method: ssf.Push, PushURL: "https://notes.example/ssf/events", PushToken: "at-least-16-random-characters",
	})
	check(err)

	// In the app: receive it.
	received := make(chan ssf.Event)
	receiver, err := ssf.New(ssf.Config{
		Sessions: e.auth, Transmitter: transmitter, Alg: "ES256",
		Audience: stream.Audience, StreamID: stream.ID, PushToken: "at-least-16-random-characters",
		Logger:   slog.New(slog.DiscardHandler),
		Received: func(e ssf.Event) { received <- e },
	})
	check(err)
	defer receiver.Close() // before the RelyingParty
	e.mux.Handle("POST /ssf/events", receiver)

	e.signIn("ada")
	e.administratorRevokes("ada", "laptop was stolen")
	event := <-received
	fmt.Printf("by %s, %s: %d session ended\n", event.Initiator, event.Reason, event.Ended)
	// Output: by admin, laptop was stolen: 1 session ended
}

// The same with a stream that the app asks.
func Example_poll() {
	ctx := context.Background()
	e := startExample(ctx)
	defer e.close()
	transmitter, err := ssf.Discover(ctx, ssf.TransmitterConfig{
		Issuer: "https://idp.example", HTTPClient: e.net.Client(),
		AccessToken: func(context.Context) (rp.Secret, error) { return "token-for-the-management-api", nil },
	})
	check(err)
	stream, err := transmitter.CreateStream(ctx, ssf.StreamRequest{Method: ssf.Poll})
	check(err)

	received := make(chan ssf.Event)
	receiver, err := ssf.New(ssf.Config{
		Sessions: e.auth, Transmitter: transmitter, Alg: "ES256",
		Audience: stream.Audience, StreamID: stream.ID, PollURL: stream.URL,
		Logger:   slog.New(slog.DiscardHandler),
		Received: func(e ssf.Event) { received <- e },
	})
	check(err)
	defer receiver.Close()

	e.signIn("ada")
	e.administratorRevokes("ada", "laptop was stolen")
	fmt.Println((<-received).Ended)
	// Output: 1
}

// A transmitter that sends nothing about people whom nobody has added, such as Keycloak.
func ExampleTransmitter_AddSubject() {
	ctx := context.Background()
	keycloak, err := transmitter.Like("keycloak")
	check(err)
	e := startExampleWith(ctx, keycloak)
	defer e.close()
	transmitter, err := ssf.Discover(ctx, ssf.TransmitterConfig{
		Issuer: "https://idp.example", HTTPClient: e.net.Client(),
		AccessToken: func(context.Context) (rp.Secret, error) { return "token-for-the-management-api", nil },
	})
	check(err)
	stream, err := transmitter.CreateStream(ctx, ssf.StreamRequest{Method: ssf.Poll})
	check(err)

	received := make(chan ssf.Event, 2)
	receiver, err := ssf.New(ssf.Config{
		Sessions: e.auth, Transmitter: transmitter, Alg: "ES256",
		Audience: stream.Audience, StreamID: stream.ID, PollURL: stream.URL,
		Logger: slog.New(slog.DiscardHandler), PollEvery: 10 * time.Millisecond,
		Received: func(e ssf.Event) {
			if e.Type == ssf.SessionRevoked {
				received <- e
			}
		},
	})
	check(err)
	defer receiver.Close()

	e.signIn("ada") // then, in the app:
	err = transmitter.AddSubject(ctx, stream.ID, ssf.SubjectID{Format: "iss_sub", Issuer: e.auth.Issuer(),
		Subject: "ada"})
	check(err)
	e.administratorRevokes("ada", "laptop was stolen")
	fmt.Println((<-received).Ended)
	// Output: 1
}

// example is an IdP that transmits, and an app, in memory.
type example struct {
	net         *memnet.Net
	idp         *idpmock.IDP
	transmitter *transmitter.Transmitter
	auth        *rp.RelyingParty
	mux         *http.ServeMux
	stops       []func()
}

func startExample(ctx context.Context) *example {
	return startExampleWith(ctx, transmitter.Config{})
}

func startExampleWith(ctx context.Context, cfg transmitter.Config) *example {
	e := &example{net: memnet.New(), mux: http.NewServeMux()}
	var err error
	e.idp, err = idpmock.New(idpmock.Config{Issuer: "https://idp.example", SigningAlg: "ES256",
		HTTPClient: e.net.Client(), Clients: []idpmock.Client{{
			ID: "notes", Secret: "s3cret", RedirectURIs: []string{"https://notes.example/auth/callback"},
			RefreshTokens: true,
		}}})
	check(err)
	cfg.Receivers = []transmitter.Receiver{{Token: "token-for-the-management-api",
		Audience: []string{"https://notes.example"}}}
	e.transmitter, err = transmitter.New(e.idp, cfg)
	check(err)
	e.serve("idp.example", e.transmitter.Beside(e.idp.Handler()))
	e.auth, err = rp.New(ctx, rp.Config{
		Issuer: "https://idp.example", ClientID: "notes", ClientSecret: "s3cret", BaseURL: "https://notes.example",
		IDTokenAlg: "ES256",
		Keys:       rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}), HTTPClient: e.net.Client(),
		Logger: slog.New(slog.DiscardHandler),
	})
	check(err)
	e.mux.Handle("/auth/", nethttpadapter.New(e.auth).Endpoints())
	e.serve("notes.example", e.mux)
	return e
}

func (e *example) serve(host string, h http.Handler) {
	stop, err := e.net.Serve(host, h)
	check(err)
	e.stops = append(e.stops, stop)
}

func (e *example) signIn(user string) {
	exampletest.NewPerson(user, e.net.Transport()).Visit("/auth/login")
}

func (e *example) administratorRevokes(subject, reason string) {
	event := e.transmitter.SessionRevoked(subject, "", "admin", reason)
	event.Payload["event_timestamp"] = float64(time.Now().UnixMilli()) / 1000
	for _, s := range e.transmitter.Streams() {
		_, err := e.transmitter.Send(s.ID, event)
		check(err)
	}
}

func (e *example) close() {
	e.transmitter.Close()
	e.auth.Close()
	e.idp.Close()
	for _, stop := range e.stops {
		stop()
	}
	e.net.Close()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
