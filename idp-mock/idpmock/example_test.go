package idpmock_test

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/memnet"
)

// A test author's story: sign in, be away for 16 minutes, and the app has been
// told.
func Example() {
	ctx, network := context.Background(), memnet.New()
	defer network.Close()
	idp, err := idpmock.New(idpmock.Config{Issuer: "https://idp.example", SigningAlg: "ES256",
		HTTPClient:                network.Client(),
		CoordinateClientLifetimes: true, Clients: []idpmock.Client{app("notes")}})
	if err != nil {
		panic(err)
	}
	defer idp.Close()
	network.Serve("idp.example", idp.Handler())
	notes := &notesApp{http: network.Client(), in: map[string]string{}} // the app under test
	network.Serve("notes.example", notes)

	callback, _ := idp.Browser("ada").Authorize(ctx, notes.LoginURL())
	network.Client().Get(callback)
	fmt.Println("signed in:", notes.SignedIn("ada"))

	idp.Advance(16 * time.Minute)
	idp.Settle(ctx)
	fmt.Println("16 minutes later:", notes.SignedIn("ada"))
	// Output:
	// signed in: true
	// 16 minutes later: false
}

// exampleIDP serves a provider for the examples below.
func exampleIDP() (*idpmock.IDP, *notesApp, func()) {
	network := memnet.New()
	idp, err := idpmock.New(idpmock.Config{Issuer: "https://idp.example", SigningAlg: "ES256",
		HTTPClient: network.Client(), CoordinateClientLifetimes: true,
		Clients: []idpmock.Client{app("notes"), app("mail")}})
	if err != nil {
		panic(err)
	}
	notes := &notesApp{http: network.Client(), in: map[string]string{}}
	network.Serve("idp.example", idp.Handler())
	network.Serve("notes.example", notes)
	return idp, notes, func() { idp.Close(); network.Close() }
}

// Two apps that share one browser share one session.
func ExampleBrowser_Authorize() {
	idp, _, stop := exampleIDP()
	defer stop()
	browser := idp.Browser("ada")
	browser.Authorize(context.Background(), authURL(idp.Issuer(), "notes"))                  // fills the sign-in page
	browser.Authorize(context.Background(), authURL(idp.Issuer(), "mail", "prompt", "none")) // nothing to fill
	s, _ := browser.Session()
	for _, c := range s.Clients {
		fmt.Println(s.Username, "uses", c.ID)
	}
	// Output:
	// ada uses notes
	// ada uses mail
}

// The token endpoint rotates the refresh token and then loses its answer.
func ExampleIDP_Fault() {
	idp, notes, stop := exampleIDP()
	defer stop()
	lost := idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointCode, Client: "notes", DropAfterCommit: true})
	callback, _ := idp.Browser("ada").Authorize(context.Background(), notes.LoginURL())
	resp, err := (&http.Client{Transport: notes.http.Transport}).Get(callback)
	fmt.Println(resp.StatusCode, err, lost.Hits())
	// Output: 502 <nil> 1
}

// A logout token with a nonce, which a client must refuse. Nothing ends at the
// provider.
func ExampleIDP_LogoutToken() {
	idp, _, stop := exampleIDP()
	defer stop()
	browser, _ := idp.SignIn("ada")
	browser.Authorize(context.Background(), authURL(idp.Issuer(), "notes"))
	session, _ := browser.Session()
	token, _ := idp.LogoutToken("notes", session, idpmock.LogoutWithNonce)
	status, err := idp.Deliver(context.Background(), "notes", token)
	fmt.Println("a client should", idpmock.LogoutWithNonce.Verdict(), "it; this careless one answered", status, err)
	// Output: a client should reject it; this careless one answered 200 <nil>
}

// The logout token is lost on its way: how does the app learn of the end?
func ExampleIDP_FaultDelivery() {
	idp, notes, stop := exampleIDP()
	defer stop()
	callback, _ := idp.Browser("ada").Authorize(context.Background(), notes.LoginURL())
	notes.http.Get(callback)
	idp.FaultDelivery(idpmock.DeliveryFault{Client: "notes", Lose: true})
	idp.EndUser("ada")
	idp.Settle(context.Background())
	fmt.Println("sessions at the provider:", len(idp.Sessions()), "the app still believes:", notes.SignedIn("ada"))
	// Output: sessions at the provider: 0 the app still believes: true
}

// An API that saw a person work tells the provider by itself.
func ExampleIDP_Extend() {
	idp, _, stop := exampleIDP()
	defer stop()
	browser := idp.Browser("ada")
	browser.Authorize(context.Background(), authURL(idp.Issuer(), "notes"))
	session, _ := browser.Session()
	idp.Advance(14 * time.Minute)
	session, err := idp.Extend(session.SID, "notes")
	fmt.Println(session.IdleDeadline.Sub(session.LastActive), err)
	// Output: 15m0s <nil>
}

// What a client has called, and how often.
func ExampleIDP_Requests() {
	idp, notes, stop := exampleIDP()
	defer stop()
	callback, _ := idp.Browser("ada").Authorize(context.Background(), notes.LoginURL())
	notes.http.Get(callback)
	for _, r := range idp.Requests() {
		fmt.Println(r.Endpoint, r.Client, r.Status)
	}
	fmt.Println("refreshes:", idp.Count(idpmock.EndpointRefresh, "notes"))
	// Output:
	// authorize notes 200
	// login notes 303
	// token/code notes 200
	// refreshes: 0
}

// The life of a session, as it happens.
func ExampleIDP_Subscribe() {
	idp, notes, stop := exampleIDP()
	defer stop()
	events, cancel := idp.Subscribe(16)
	callback, _ := idp.Browser("ada").Authorize(context.Background(), notes.LoginURL())
	notes.http.Get(callback)
	idp.Advance(16 * time.Minute)
	idp.Settle(context.Background())
	cancel()
	for e := range events {
		fmt.Printf("%s %q %q\n", e.Kind, e.Client, e.Outcome)
	}
	// Output:
	// sign-in "" ""
	// join "notes" "extended"
	// end "" "idle"
	// delivery "notes" "delivered"
}

// At Keycloak a second log-in shares the client session of the first: who revokes
// the first refresh token throws the person out.
func ExampleLike() {
	network := memnet.New()
	defer network.Close()
	keycloak, err := idpmock.Like("keycloak")
	if err != nil {
		panic(err)
	}
	keycloak.Rotation = idpmock.RotationStrict // the realm's switch Revoke Refresh Token
	idp, err := idpmock.New(idpmock.Config{Issuer: "https://idp.example", SigningAlg: "ES256",
		CoordinateClientLifetimes: true,
		Temperament:               keycloak, Clients: []idpmock.Client{app("notes")}})
	if err != nil {
		panic(err)
	}
	defer idp.Close()
	for _, call := range []idpmock.Endpoint{idpmock.EndpointRefresh, idpmock.EndpointUserinfo} {
		fmt.Println(call, "extends:", keycloak.Extends(call), "proves:", keycloak.Proves(call))
	}
	fmt.Println("a revocation takes along:", keycloak.Revocation)
	// Output:
	// token/refresh extends: true proves: true
	// userinfo extends: false proves: true
	// a revocation takes along: client-session
}

// A person takes back the consent at the provider's account page: the app gets a
// logout token, the session lives on.
func ExampleIDP_RevokeConsent() {
	idp, notes, stop := exampleIDP()
	defer stop()
	browser := idp.Browser("ada")
	callback, _ := browser.Authorize(context.Background(), notes.LoginURL())
	notes.http.Get(callback)
	n, err := idp.RevokeConsent("ada", "notes")
	idp.Settle(context.Background())
	fmt.Println(n, err, "signed in at the app:", notes.SignedIn("ada"), "sessions at the provider:",
		len(idp.Sessions()))
	// Output: 1 <nil> signed in at the app: false sessions at the provider: 1
}

// The policy of the most restrictive app: opening mail shortens the window for
// all.
func ExamplePolicies() {
	mail := app("mail")
	mail.IdleWindow = 5 * time.Minute
	idp, err := idpmock.New(idpmock.Config{Issuer: "https://idp.example", SigningAlg: "ES256",
		Policies: idpmock.Policies{MostRestrictive: true},
		Clients:  []idpmock.Client{app("notes"), mail}})
	if err != nil {
		panic(err)
	}
	defer idp.Close()
	browser := idp.Browser("ada")
	for _, client := range []string{"notes", "mail"} {
		browser.Authorize(context.Background(), authURL(idp.Issuer(), client))
		s, _ := browser.Session()
		fmt.Println(client, s.IdleDeadline.Sub(s.LastActive))
	}
	// Output:
	// notes 15m0s
	// mail 5m0s
}
