package rp_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// A proxy serves the app at https://example.com/notes and takes /notes away: the path
// belongs to BaseURL, and the app mounts everything as if there were none.
func ExampleConfig_baseURL() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, func(c *rp.Config) { c.BaseURL = "https://example.com/notes" }, welcome)
	defer auth.Close()

	r := httptest.NewRequest("GET", "/list?page=2", nil) // as the app sees it
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	fmt.Println(auth.Answer(r, rp.ErrAnonymous).Header.Get("Location"))
	// Output: /notes/auth/login?return_to=%2Fnotes%2Flist%3Fpage%3D2
}

// One relying party under several names: a browser logs in under the one that it uses.
func ExampleConfig_baseURLs() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, func(c *rp.Config) { c.BaseURLs = []string{"https://notes.example.org"} }, welcome)
	defer auth.Close()

	for _, host := range []string{"notes.example", "notes.example.org", "somebody.else"} {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "https://"+host+"/auth/login", nil)
		if err := auth.StartLogin(w, r); err != nil {
			log.Fatal(err)
		}
		to, err := w.Result().Location()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(to.Query().Get("redirect_uri"))
	}
	// Output:
	// https://notes.example/auth/callback
	// https://notes.example.org/auth/callback
	// https://notes.example/auth/callback
}

// An IdP that does not form-decode the header of client_secret_basic gets the secret as it
// is; another may want it in the form.
func ExampleConfig_clientAuth() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, func(c *rp.Config) { c.ClientAuth = "client_secret_post" }, welcome)
	defer auth.Close()
	fmt.Println(world.Person("ada").Visit("/"))
	// Output: welcome
}

// The order of start and end: the store first and last, and the streams end when the server
// is told to stop. Without RegisterOnShutdown it waits for every page that is open.
func ExampleRelyingParty_CloseStreams() {
	world := exampletest.Start()
	defer world.Close()
	auth, err := rp.New(context.Background(), exampleConfig(world))
	if err != nil {
		log.Fatal(err)
	}
	web := nethttpadapter.New(auth)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())

	srv := &http.Server{Handler: mux}
	srv.RegisterOnShutdown(auth.CloseStreams)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()

	// signal.NotifyContext tells when
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	fmt.Println("server:", srv.Shutdown(ctx), errors.Is(<-served, http.ErrServerClosed))
	fmt.Println("sessions:", auth.Close()) // then the store's own Close
	// Output:
	// server: <nil> true
	// sessions: <nil>
}

// A readiness probe.
func ExampleRelyingParty_Healthy() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, nil, welcome)
	defer auth.Close()

	ready := func(w http.ResponseWriter, r *http.Request) {
		health := auth.Healthy(r.Context())
		if !health.Ready {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		_ = json.NewEncoder(w).Encode(health)
	}
	w := httptest.NewRecorder()
	ready(w, httptest.NewRequest("GET", "/readyz", nil))
	fmt.Println(w.Code, w.Body)
	// Output: 200 {"ready":true,"store":true,"idp":true}
}
