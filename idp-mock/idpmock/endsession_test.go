package idpmock_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

func (w *world) endSessionURL(tok answer, more ...string) string {
	v := url.Values{"id_token_hint": {tok.text("id_token")}, "post_logout_redirect_uri": {"https://notes.example/bye"}}
	v.Set("logout_uri", v.Get("post_logout_redirect_uri")) // Cognito's name
	for i := 0; i+1 < len(more); i += 2 {
		v.Set(more[i], more[i+1])
	}
	return w.URL + idpmock.PathEndSession + "?" + v.Encode()
}

// RIL-01: an ID token that has expired long ago is still a good hint.
func TestExpiredHint(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		tok := w.login(b, "notes")
		next := tok
		for range 6 {
			time.Sleep(10 * time.Minute)
			next = w.refresh("notes", next.text("refresh_token"))
		}
		if to, err := b.Logout(t.Context(), w.endSessionURL(tok)); err != nil || to != "https://notes.example/bye" ||
			len(w.Sessions()) != 0 {
			t.Errorf("%q %v", to, err)
		}
	})
}

// RIL-04: a hint of another session than this browser's asks the person; with no
// session left anywhere there is nothing to ask (RIL-05).
func TestStaleHint(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		old := w.login(b, "notes")
		w.EndUser("ada")
		w.login(b, "notes") // a new session
		c := bare(t, w, b)
		resp := get(t, c, w.endSessionURL(old))
		if resp.StatusCode != http.StatusOK || len(w.Sessions()) != 1 {
			t.Errorf("%d, %d sessions: not asked", resp.StatusCode, len(w.Sessions()))
		}
		w.EndUser("ada")
		resp = get(t, c, w.endSessionURL(old, "state", "x"))
		if resp.Header.Get("Location") != "https://notes.example/bye?state=x" {
			t.Errorf("%d %s", resp.StatusCode, resp.Header.Get("Location"))
		}
	})
}

// A hint that somebody else holds ends nothing by itself.
func TestHintFromAnotherBrowser(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		tok := w.login(w.Browser("ada"), "notes")
		resp := get(t, bare(t, w, nil), w.endSessionURL(tok))
		if resp.StatusCode != http.StatusOK || len(w.Sessions()) != 1 {
			t.Errorf("%d, %d sessions", resp.StatusCode, len(w.Sessions()))
		}
	})
}

// The confirmation page is good once, in its own browser.
func TestConfirmationIsBound(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		w.login(b, "notes")
		c := bare(t, w, b)
		page := body(t, get(t, c, w.URL+idpmock.PathEndSession))
		_, tx, _ := strings.Cut(page, `name="tx" value="`)
		tx, _, _ = strings.Cut(tx, `"`)
		post := func(c *http.Client, action string) *http.Response {
			resp, err := c.PostForm(w.URL+idpmock.PathEndSession+"/confirm", url.Values{"tx": {tx}, "action": {action}})
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			return resp
		}
		if resp := post(bare(t, w, nil), "signout"); resp.StatusCode != http.StatusBadRequest ||
			len(w.Sessions()) != 1 {
			t.Errorf("from another browser: %d", resp.StatusCode)
		}
		if resp := post(c, "stay"); resp.StatusCode != http.StatusOK || len(w.Sessions()) != 1 {
			t.Errorf("stay: %d", resp.StatusCode)
		}
		if resp := post(c, "signout"); resp.StatusCode != http.StatusBadRequest || len(w.Sessions()) != 1 {
			t.Errorf("used twice: %d", resp.StatusCode)
		}
	})
}

// bare is an HTTP client with the browser's cookies.
func bare(t *testing.T, w *world, b *idpmock.Browser) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	if b != nil {
		u, _ := url.Parse(w.URL)
		jar.SetCookies(u, b.Cookies())
	}
	return &http.Client{Transport: w.http.Transport, Jar: jar, CheckRedirect: w.http.CheckRedirect}
}

func get(t *testing.T, c *http.Client, to string) *http.Response {
	t.Helper()
	resp, err := c.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func body(t *testing.T, resp *http.Response) string {
	t.Helper()
	var b strings.Builder
	if _, err := io.Copy(&b, resp.Body); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Cookies of the provider are out of the reach of scripts, and sent where the
// browser lets them.
func TestCookies(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		w.login(b, "notes")
		for _, c := range b.Cookies() {
			if c.Value == "" || strings.Contains(c.Value, w.session(b).SID) {
				t.Errorf("%s: %q", c.Name, c.Value)
			}
		}
		resp := get(t, bare(t, w, nil), authURL(w.URL, "notes"))
		set := resp.Header.Get("Set-Cookie")
		for _, attr := range []string{"HttpOnly", "Secure", "SameSite=None", "Path=/"} {
			if !strings.Contains(set, attr) {
				t.Errorf("%s is missing: %s", attr, set)
			}
		}
		if csp := resp.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "frame-ancestors 'none'") ||
			resp.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%v", resp.Header)
		}
	})
}
