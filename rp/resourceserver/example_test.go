package resourceserver_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/tandem-sso/tandem/rp/resourceserver"
)

// An API that asks the IdP about every token.
func Example() {
	idp := exampleIdP() // yours: https://login.example.com
	defer idp.Close()

	tokens, err := resourceserver.New(context.Background(), resourceserver.Config{
		Issuer:       idp.URL,
		ClientID:     "notes-api",
		ClientSecret: "s3cret",
		CacheFor:     5 * time.Second, // so long a token may outlive its session here
	})
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /notes", tokens.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "the notes of", resourceserver.FromContext(r.Context()).Subject)
	}), "notes.read"))

	for _, authorization := range []string{"", "Bearer stale", "Bearer good"} {
		r := httptest.NewRequest("GET", "/notes", nil)
		if authorization != "" {
			r.Header.Set("Authorization", authorization)
		}
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		fmt.Println(w.Code, w.Header().Get("WWW-Authenticate"))
	}
	// Output:
	// 401 Bearer
	// 401 Bearer error="invalid_token"
	// 200
}

func exampleIdP() *httptest.Server {
	mux := http.NewServeMux()
	s := httptest.NewServer(mux)
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"issuer":%q,"introspection_endpoint":%q}`, s.URL, s.URL+"/introspect")
	})
	mux.HandleFunc("POST /introspect", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.FormValue("token") == "good" {
			fmt.Fprint(w, `{"active":true,"sub":"ada","client_id":"notes","scope":"openid notes.read"}`)
			return
		}
		fmt.Fprint(w, `{"active":false}`)
	})
	return s
}

// An API that takes tokens only from those who have the key that they are bound to.
func ExampleConfig_requireBound() {
	idp := exampleIdP() // yours: https://login.example.com
	defer idp.Close()

	tokens, err := resourceserver.New(context.Background(), resourceserver.Config{
		Issuer: idp.URL, ClientID: "notes-api", ClientSecret: "s3cret",
		BaseURL:      "https://api.example.com",
		RequireBound: true,
	})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/notes", nil)
	r.Header.Set("Authorization", "Bearer good") // bound to nothing
	w := httptest.NewRecorder()
	tokens.Require(http.NotFoundHandler()).ServeHTTP(w, r)
	fmt.Println(w.Code)
	// Output: 401
}
