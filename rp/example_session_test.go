package rp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// startNotes is what the examples below have in common: an app with one page.
func startNotes(world *exampletest.World, change func(*rp.Config),
	page func(*rp.RelyingParty) http.HandlerFunc) *rp.RelyingParty {
	config := exampleConfig(world)
	if change != nil {
		change(&config)
	}
	auth, err := rp.New(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", web.RequireLogin(page(auth)))
	world.Serve("notes.example", mux)
	return auth
}

func welcome(*rp.RelyingParty) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "welcome") }
}

// Done ends a stream or a WebSocket together with its session, wherever that was
// ended.
func ExampleSession_Done() {
	world := exampletest.Start()
	defer world.Close()
	open := make(chan struct{})
	auth := startNotes(world, nil, func(*rp.RelyingParty) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			session := rp.FromContext(r.Context())
			close(open)
			for {
				select {
				case <-session.Done():
					fmt.Fprint(w, session.Err())
					return
				case <-r.Context().Done():
					return
				case <-time.After(time.Second): // whatever the stream is about
				}
			}
		}
	})
	defer auth.Close()

	said := make(chan string)
	go func() { said <- world.Person("ada").Visit("/stream") }()
	<-open
	if _, err := auth.EndSessions(context.Background(), rp.Whose{Subject: "ada"}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-said)
	// Output: rp: session has ended: admin
}

// Claims decodes the ID token. Issuer and Subject together are the person.
func ExampleSession_Claims() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, nil, func(*rp.RelyingParty) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			session := rp.FromContext(r.Context())
			var claims struct {
				Subject  string `json:"sub"`
				AuthTime int64  `json:"auth_time"`
			}
			if err := session.Claims(&claims); err != nil {
				http.Error(w, "the ID token has other claims than this app needs", http.StatusInternalServerError)
				return
			}
			fmt.Fprintln(w, session.Issuer(), session.Subject(), claims.Subject == session.Subject(),
				claims.AuthTime > 0)
		}
	})
	defer auth.Close()
	fmt.Print(world.Person("ada").Visit("/"))
	// Output: https://idp.example ada true true
}

// Values keeps the app's own values in the session: they end with it, on every
// instance, and need no second cookie.
func ExampleRelyingParty_Values() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, nil, func(auth *rp.RelyingParty) http.HandlerFunc {
		values := auth.Values() // a gorilla sessions.Store
		return func(w http.ResponseWriter, r *http.Request) {
			basket, err := values.Get(r, "basket")
			if err != nil {
				auth.Answer(r, err).Write(w)
				return
			}
			n, _ := basket.Values["items"].(int)
			basket.Values["items"] = n + 1
			if err := basket.Save(r, w); err != nil {
				auth.Answer(r, err).Write(w)
				return
			}
			fmt.Fprint(w, "items: ", n+1)
		}
	})
	defer auth.Close()
	ada := world.Person("ada")
	fmt.Println(ada.Visit("/"))
	fmt.Println(ada.Visit("/"))
	fmt.Println(world.Person("bob").Visit("/"))
	// Output:
	// items: 1
	// items: 2
	// items: 1
}

// An adapter for another framework needs four calls: Authenticate, Answer for what
// it refuses, KeepPrivate and Request for what it lets through.
func ExampleRelyingParty_Authenticate() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, nil, welcome)
	defer auth.Close()

	guard := func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			session, err := auth.Authenticate(r)
			if err != nil {
				auth.Answer(r, err).Write(w)
				return
			}
			session.KeepPrivate(w.Header())
			next(w, session.Request())
		}
	}
	page := guard(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello ", rp.FromContext(r.Context()).Subject())
	})
	for _, mode := range []string{"navigate", "cors"} { // a link, and a script
		r := httptest.NewRequest("GET", "https://notes.example/notes?tag=go", nil)
		r.Header.Set("Sec-Fetch-Mode", mode)
		w := httptest.NewRecorder()
		page(w, r)
		fmt.Println(w.Code, w.Header().Get("Location")+strings.TrimSpace(w.Body.String()))
	}
	// Output:
	// 302 /auth/login?return_to=%2Fnotes%3Ftag%3Dgo
	// 401 {"error":"login_required","login_url":"/auth/login"}
}

// An API that wants a stronger log-in, or a wider scope, says so by an APIError. The
// session is not concerned.
func ExampleAPIError() {
	world := exampletest.Start()
	defer world.Close()
	world.Serve("bank.example", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("WWW-Authenticate",
			`Bearer error="insufficient_user_authentication", acr_values="mfa", max_age="300"`)
		w.WriteHeader(http.StatusUnauthorized)
	}))
	auth := startNotes(world, func(c *rp.Config) {
		c.APIs = []rp.API{{Origin: "https://bank.example"}}
	}, func(*rp.RelyingParty) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			_, err := rp.FromContext(r.Context()).Client().Get("https://bank.example/transfer")
			var api *rp.APIError
			if errors.Is(err, rp.ErrStepUp) && errors.As(err, &api) {
				fmt.Fprintf(w, "needs acr %s, not older than %s s", api.ACRValues, api.MaxAge)
			}
		}
	})
	defer auth.Close()
	fmt.Println(world.Person("ada").Visit("/"))
	// Output: needs acr mfa, not older than 300 s
}

// SessionStatus tells a page how its session stands, without extending it.
func ExampleRelyingParty_SessionStatus() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, func(c *rp.Config) {
		c.Absolute = 30 * time.Minute
	}, func(auth *rp.RelyingParty) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			status, err := auth.SessionStatus(r)
			if err != nil {
				auth.Answer(r, err).Write(w)
				return
			}
			_ = json.NewEncoder(w).Encode(map[string]any{"state": status.State,
				"minutes": (*status.AbsoluteSeconds + 59) / 60})
		}
	})
	defer auth.Close()
	fmt.Print(world.Person("ada").Visit("/"))
	// Output: {"minutes":30,"state":"live"}
}
