// A page in plain JavaScript with a back end of its own (a BFF). The browser has a cookie and
// never a token; the back end passes what the page may ask on to the API, with the token.
package main

import (
	"context"
	"embed"
	"io/fs"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

//go:embed static
var files embed.FS

func main() {
	static, err := fs.Sub(files, "static")
	if err != nil {
		log.Fatal(err)
	}
	api, err := url.Parse(os.Getenv("API"))
	if err != nil {
		log.Fatal(err)
	}
	keys, err := rp.ParseKeys(os.Getenv("KEY"))
	if err != nil {
		log.Fatal(err)
	}
	auth, err := rp.New(context.Background(), rp.Config{
		Issuer:       os.Getenv("ISSUER"),
		ClientID:     os.Getenv("CLIENT_ID"),
		ClientSecret: rp.Secret(os.Getenv("CLIENT_SECRET")),
		BaseURL:      os.Getenv("BASE_URL"),
		Keys:         keys,
		Store:        memstore.New(memstore.Options{}),
		APIs:         []rp.API{{Origin: api.String()}}, // nobody else ever sees a token
	})
	if err != nil {
		log.Fatal(err)
	}
	web := nethttpadapter.New(auth)

	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", http.FileServerFS(static)) // no secrets in it: it needs no log-in
	mux.Handle("GET /live", web.RequireLogin(http.HandlerFunc(live)))

	// What the page may ask of the API. Whatever is not here is the file server's, which has
	// no such file: so a script that got into the page cannot use the person's whole access.
	toAPI := web.RequireLogin(plain(http.StripPrefix("/api", http.MaxBytesHandler(proxy(auth, api), 1<<20))))
	mux.Handle("GET /api/notes", toAPI)
	mux.Handle("POST /api/notes", toAPI)
	mux.Handle("DELETE /api/notes/{id}", toAPI)

	server := &http.Server{Addr: os.Getenv("LISTEN"), Handler: mux}
	server.RegisterOnShutdown(auth.CloseStreams) // else Shutdown waits for every page that is open
	failed := make(chan error, 1)
	go func() { failed <- server.ListenAndServe() }()
	stop, done := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer done()
	select {
	case err := <-failed:
		log.Fatal(err)
	case <-stop.Done():
	}
	soon, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := server.Shutdown(soon); err != nil { // no new requests; those under way are finished
		log.Print(err)
	}
	if err := auth.Close(); err != nil { // calls of the IdP end, activity is stored
		log.Print(err)
	}
}

// plain refuses paths such as /api/notes/..%2Fadmin, which this mux and the API may read in
// two ways. Go keeps a RawPath only of those.
func plain(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.RawPath != "" {
			http.NotFound(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// proxy passes requests on to the API.
func proxy(auth *rp.RelyingParty, api *url.URL) http.Handler {
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(api)
			r.Out.Header.Del("Cookie") // it is worth as much as the token, and none of the API's business
		},
		Transport: withToken{},
		ModifyResponse: func(r *http.Response) error {
			r.Header.Del("Set-Cookie") // the cookies of this host are ours
			return nil
		},
		// The session has ended, the IdP does not answer, the API wants a stronger log-in: the
		// page gets the same answers as from RequireLogin.
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) { auth.Answer(r, err).Write(w) },
	}
}

// withToken sends each request by its own session's client: it adds the token, renews it, and
// looks twice at a 401.
type withToken struct{}

func (withToken) RoundTrip(r *http.Request) (*http.Response, error) {
	return rp.FromContext(r.Context()).Client().Transport.RoundTrip(r)
}

// live tells the page the time, until its session ends. RequireLogin and Accept both look at
// where the handshake comes from: browsers send cookies with that of any site.
func live(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, nil)
	if err != nil {
		return // Accept has answered
	}
	defer conn.CloseNow()
	session, gone := rp.FromContext(r.Context()), conn.CloseRead(r.Context())
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			if conn.Write(gone, websocket.MessageText, []byte(now.Format(time.TimeOnly))) != nil {
				return
			}
		case <-session.Done(): // wherever it was ended
			conn.Close(websocket.StatusPolicyViolation, "the session has ended")
			return
		case <-gone.Done():
			return
		}
	}
}
