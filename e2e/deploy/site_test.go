package deploy

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// site is an IdP, and two instances of an app under one name that only the proxy has. The
// IdP answers by form_post, and its ID tokens are long: what proxies stumble over.
type site struct {
	*testing.T
	certificates
	idp       *idptest.Server
	base      string // as browsers see it
	front     string // where the proxy listens
	instances [2]*httptest.Server
	transport *http.Transport
}

// longURL is for a log-out with an ID token of 160 groups. It has to fit nowhere but in
// what docs/deploy gives a header.
const longURL = 14_000

// newSite starts all but the proxy. path is "" or the path that the proxy takes away.
func newSite(t *testing.T, path string) *site {
	s := &site{T: t, certificates: newCertificates(t), base: "https://" + host + path, front: process.FreeAddr(t)}
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	s.transport = &http.Transport{ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: s.roots},
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			if addr == host+":443" {
				addr = s.front
			}
			return dialer.DialContext(ctx, network, addr)
		}}
	t.Cleanup(s.transport.CloseIdleConnections)
	s.idp = idptest.Start(t, idptest.WithConfig(func(c *idpmock.Config) {
		c.HTTPClient = &http.Client{Transport: s.transport} // logout tokens come through the proxy, too
		c.Temperament.Groups = 160
	}), idptest.WithClients(idpmock.Client{ID: "notes", Secret: "s3cret", RefreshTokens: true,
		RedirectURIs:           []string{s.base + "/auth/callback"},
		PostLogoutRedirectURIs: []string{s.base + "/auth/logged-out"},
		BackchannelLogoutURI:   s.base + "/auth/backchannel-logout"}))
	can := idps.Guess(s.idp.URL)
	can.Logout.MaxURL = longURL
	kept := memstore.New(memstore.Options{})
	keys := rp.Keys{rp.NewKey()}
	for i := range s.instances {
		auth, err := rp.New(t.Context(), rp.Config{Issuer: s.idp.URL, ClientID: "notes", ClientSecret: "s3cret",
			BaseURL: s.base, Keys: keys, Store: kept,
			ResponseMode: "form_post", Capabilities: &can, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		web := nethttpadapter.New(auth)
		mux := http.NewServeMux()
		mux.Handle("/auth/", web.Endpoints())
		mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
			if !auth.Healthy(r.Context()).Ready {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
		})
		mux.Handle("/", web.RequireLogin(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprintf(w, "%s by %d", rp.FromContext(r.Context()).Subject(), i+1)
		})))
		s.instances[i] = httptest.NewServer(mux)
		s.instances[i].Config.RegisterOnShutdown(auth.CloseStreams)
		t.Cleanup(func() {
			auth.CloseStreams()
			s.instances[i].Close()
			if err := auth.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	return s
}

func (s *site) addr(i int) string { return s.instances[i].Listener.Addr().String() }

func (s *site) person() *idptest.Browser {
	p := idptest.NewBrowser(s.T, s.transport)
	p.Fill = url.Values{"username": {"ada"}}
	return p
}

// signIn logs a person in: the IdP's page, its form_post, the library's own post of it.
func (s *site) signIn() *idptest.Browser {
	s.Helper()
	p := s.person()
	page := p.Open(s.base + "/")
	for range 4 {
		if strings.HasPrefix(page.Body, "ada by ") {
			break
		}
		page = page.Submit()
	}
	if page.Status != http.StatusOK || page.URL.String() != s.base+"/" || !strings.HasPrefix(page.Body, "ada by ") {
		s.Fatalf("after the log-in: %s", page)
	}
	return p
}

// request asks as a script of a page would, with further headers.
func (s *site) request(p *idptest.Browser, method, path string, header http.Header,
	body string) (*http.Response, error) {
	s.Helper()
	r, err := http.NewRequestWithContext(s.Context(), method, s.base+path, strings.NewReader(body))
	if err != nil {
		s.Fatal(err)
	}
	r.Header = http.Header{"Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Dest": {"empty"}, "Sec-Fetch-Site": {"same-origin"}}
	for name, values := range header {
		r.Header[name] = values
	}
	if p != nil {
		for _, c := range p.Cookies(s.base + path) {
			r.AddCookie(c)
		}
	}
	return s.transport.RoundTrip(r)
}

// stream is the event stream of a page.
type stream struct {
	events chan string
}

func (s *site) stream(p *idptest.Browser) *stream {
	s.Helper()
	resp, err := s.request(p, http.MethodGet, "/auth/events", http.Header{"Accept": {"text/event-stream"}}, "")
	if err != nil {
		s.Fatal(err)
	}
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		s.Fatalf("the stream: %s, %v", resp.Status, resp.Header)
	}
	s.Cleanup(func() { _ = resp.Body.Close() })
	e := &stream{make(chan string, 100)}
	go func() {
		defer close(e.events)
		for in := bufio.NewScanner(resp.Body); in.Scan(); {
			e.events <- in.Text()
		}
	}()
	return e
}

// says waits for a line with text: less long than until the next heartbeat, which would
// push on what somebody holds back.
func (e *stream) says(t *testing.T, text string) {
	t.Helper()
	timeout := time.After(5 * time.Second)
	for {
		select {
		case line, ok := <-e.events:
			if !ok {
				t.Fatalf("the stream ended without %q", text)
			}
			if strings.Contains(line, text) {
				return
			}
		case <-timeout:
			t.Fatalf("%q does not come at once: is the stream held back?", text)
		}
	}
}
