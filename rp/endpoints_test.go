package rp_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// Every endpoint, asked by anybody, by somebody who is logged in and from another
// site, forbids to store its answer and to guess its type; the two files are asked
// for each time.
func TestNothingIsStored(t *testing.T) {
	inBubble(t, setup{config: func(c *rp.Config) {
		c.ThirdPartyLogin, c.KeepPosted = true, true
	}}, func(t *testing.T, w *world) {
		for _, e := range w.auth[0].Endpoints() {
			for name, h := range map[string]http.Header{
				"a page": navigating, "a script": fetching, "a bare client": bare,
				"another site": with(fetching, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"),
			} {
				for _, signedIn := range []bool{false, true} {
					v := w.visitor("ada")
					if signedIn {
						v.login()
					}
					var form url.Values
					if e.Method == http.MethodPost {
						form = url.Values{}
					}
					if e.Path == "/events" && signedIn {
						continue // a stream; its own tests look at its headers
					}
					a := v.do(e.Method, "/auth"+e.Path, form, h)
					want := "no-store"
					if strings.HasPrefix(e.Path, "/session.") {
						want = "no-cache"
					}
					if got := a.header.Get("Cache-Control"); got != want {
						t.Errorf("%s %s by %s, signed in %v: %d, Cache-Control %q", e.Method, e.Path, name, signedIn,
							a.status, got)
					}
					if got := a.header.Values("X-Content-Type-Options"); len(got) != 1 || got[0] != "nosniff" {
						t.Errorf("%s %s by %s, signed in %v: %d, X-Content-Type-Options %q", e.Method, e.Path, name,
							signedIn, a.status, got)
					}
				}
			}
		}
	})
}

// FuzzEndpoints: whatever is sent to an endpoint, nothing panics, nothing is an
// internal error, no header is split and nobody is sent to another site.
func FuzzEndpoints(f *testing.F) {
	idp, err := idpmock.New(idpmock.Config{Issuer: issuer, SigningAlg: "ES256", SweepEvery: -1,
		Clients: []idpmock.Client{{ID: "notes", RedirectURIs: []string{base + "/auth/callback"}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(idp.Close)
	inProcess := roundTripper(func(r *http.Request) (*http.Response, error) {
		rec := httptest.NewRecorder()
		idp.Handler().ServeHTTP(rec, r)
		return rec.Result(), nil
	})
	log := &syncBuffer{}
	auth, err := rp.New(f.Context(), rp.Config{Issuer: issuer, ClientID: "notes", BaseURL: base,
		Keys: rp.Keys{rp.NewKey()}, Store: memstore.New(memstore.Options{}),
		ResponseMode: "form_post", ThirdPartyLogin: true, KeepFragments: true, KeepPosted: true,
		Logout:     rp.LogoutConfig{Form: []string{"ui_locales"}},
		IDTokenAlg: "ES256", SilentCheck: true, MaxStreams: -1, HTTPClient: &http.Client{Transport: inProcess},
		Logger: slog.New(slog.NewTextHandler(log, nil))})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { auth.Close() })
	id, err := auth.Plant(f.Context(), "ada", "sid-1")
	if err != nil {
		f.Fatal(err)
	}
	handler, endpoints := nethttpadapter.New(auth).Endpoints(), auth.Endpoints()
	for i := range endpoints {
		f.Add(i, "state="+strings.Repeat("A", 43)+"&code=x", "", "Accept: text/html")
		f.Add(i, "return_to=//evil.example&silent=1", "logout_token=a.b.c",
			"Sec-Fetch-Mode: navigate\nHx-Request: true\nHx-Current-Url: https://evil.example/")
		f.Add(i, "sid=%00&iss=\xff", "everywhere=1", "Cookie: __Host-tandem="+id+"\nSec-Fetch-Site: "+
			"same-origin\nLast-Event-Id: -1")
		f.Add(i, "return_to=/x&fragment=%0d%0a",
			"iss="+url.QueryEscape(issuer)+"&target_link_uri=//evil.example&login_hint=x",
			"Sec-Fetch-Mode: navigate\nAccept: text/html")
		f.Add(i, "iss="+url.QueryEscape(issuer)+"&target_link_uri=https://evil.example",
			"sealed=AAAA&state="+strings.Repeat("A", 43), "Cookie: __Host-tandem="+id+"\nSec-Fetch-Mode: navigate")
		f.Add(i, "%zz;a=1&a=2", "state=1&state=2", "Origin: null\nContent-Type: multipart/form-data")
	}
	f.Fuzz(func(t *testing.T, n int, query, body, headers string) {
		if n < 0 {
			n = -(n + 1)
		}
		e := endpoints[n%len(endpoints)]
		r := httptest.NewRequest(e.Method, base+"/auth"+e.Path, strings.NewReader(body))
		r.URL.RawQuery = query
		r.RequestURI = r.URL.RequestURI()
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for line := range strings.SplitSeq(headers, "\n") {
			if name, value, ok := strings.Cut(line, ": "); ok && len(name) > 0 {
				r.Header[http.CanonicalHeaderKey(name)] = []string{value}
			}
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code == 0 || w.Code >= 500 && w.Code != 501 {
			t.Fatalf("%s %s: %d %s", e.Method, e.Path, w.Code, w.Body)
		}
		if w.Header().Get("Cache-Control") == "" && w.Code != http.StatusNotModified &&
			w.Code != http.StatusRequestedRangeNotSatisfiable {
			t.Errorf("%s %s: %d may be stored", e.Method, e.Path, w.Code)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s %s: %d may be sniffed", e.Method, e.Path, w.Code)
		}
		for name, values := range w.Header() {
			if strings.ContainsAny(strings.Join(values, ""), "\r\n\x00") {
				t.Errorf("%s %s: the header %s is split: %q", e.Method, e.Path, name, values)
			}
		}
		for _, name := range []string{"Location", "Hx-Redirect"} {
			to := w.Header().Get(name)
			if to == "" {
				continue
			}
			u, err := url.Parse(to)
			if err != nil || u.Host != "" && u.Scheme+"://"+u.Host != issuer || strings.HasPrefix(to, "//") ||
				strings.HasPrefix(to, `/\`) {
				t.Errorf("%s %s leads to %q", e.Method, e.Path, to)
			}
		}
		log.mu.Lock()
		defer log.mu.Unlock()
		if bytes.Contains(log.b.Bytes(), []byte(id)) {
			t.Error("the session's id is in the log")
		}
		log.b.Reset()
	})
}
