package rp_test

import (
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

var dataState = regexp.MustCompile(`data-state="([^"]*)"`)

// framing is how a browser asks for a frame of the page.
var framing = with(navigating, "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Site", "same-origin")

// frame is the session_state that the page for the frame has; empty: it asks nothing.
func (v *visitor) frame() string {
	v.w.Helper()
	a := v.do("GET", "/auth/check-session", nil, framing)
	csp := a.header.Get("Content-Security-Policy")
	if a.status != http.StatusOK || !strings.HasPrefix(csp, "default-src 'none'; ") ||
		!strings.Contains(csp, "; frame-src "+issuer+"; ") || !strings.HasSuffix(csp, "; frame-ancestors 'self'") {
		v.w.Fatalf("the frame: %v", a)
	}
	if m := dataState.FindStringSubmatch(a.body); m != nil {
		return html.UnescapeString(m[1])
	}
	return ""
}

// changed is what the frame sends when the IdP's says "changed".
func (v *visitor) changed(state string) (next string) {
	v.w.Helper()
	a := v.do("POST", "/auth/check-session", url.Values{"session_state": {state}}, with(fetching, "Origin", base))
	var got struct {
		State string `json:"session_state"`
	}
	if err := json.Unmarshal([]byte(a.body), &got); a.status != http.StatusOK || err != nil {
		v.w.Fatalf("changed: %v", a)
	}
	return got.State
}

// SM-02: "changed" ends nothing. The next navigation asks the IdP by prompt=none, and what it
// says counts, whatever kind of client it is; the page is hidden until then.
func TestCheckSession(t *testing.T) {
	for _, kind := range []rp.Kind{rp.RefreshToken, rp.ReferenceToken, rp.NoToken} {
		t.Run(kind.String(), func(t *testing.T) {
			inBubble(t, setup{kind: kind}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				if v.frame() != "" {
					t.Error("a frame of nobody asks")
				}
				v.login()
				first := v.frame()
				if first == "" || strings.Contains(first, " ") {
					t.Fatalf("session_state %q", first)
				}
				if next := v.changed(first); next != first {
					t.Errorf("%q goes on with %q", first, next)
				}
				s := v.status()
				if s.State != "live" || s.Cause != "changed" || s.Confirm != "navigation" || !paused(s) {
					t.Errorf("the page does not know: %+v", s)
				}
				if a := v.fetch("/passive"); a.status != http.StatusUnauthorized ||
					a.header.Get("Tandem-Error") != "session_unconfirmed" {
					t.Errorf("what a page does by itself: %v", a)
				}
				a, silently := v.follow("/private")
				if a.status != http.StatusOK || !silently {
					t.Fatalf("asked silently %v: %v", silently, a)
				}
				v.expect("live", "")
				if s := v.status(); s.Cause != "" || paused(s) {
					t.Errorf("the IdP has vouched for it: %+v", s)
				}
				if a, silently := v.follow("/private"); a.status != http.StatusOK || silently {
					t.Errorf("it asks again: %v", a)
				}

				second := v.frame()
				if second == first || second == "" {
					t.Errorf("the state is still %q", second)
				}
				if next := v.changed(first); next != second || v.status().Cause != "" {
					t.Error("an old state is believed")
				}
				w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
				w.idp.EndUser("ada")
				time.Sleep(time.Second)
				v.changed(second)
				if s := v.status(); s.State != "live" {
					t.Fatalf("the frame's word alone ends it: %+v", s)
				}
				v.get(v.authorize(v.get(v.get("/private").location()).location()))
				v.expect("ended", reason.Unconfirmed)
			})
		})
	}
}

// paused reports whether nobody vouches for a session now.
func paused(s status) bool {
	for _, l := range s.Limits {
		if l.Kind == "trust" && l.EndMS == 0 {
			return true
		}
	}
	return false
}

// SM-03: a frame that says "changed" without end costs three round trips in a session, and is
// not asked any more.
func TestCheckSessionLoop(t *testing.T) {
	inBubble(t, setup{kind: rp.NoToken}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for range 3 {
			v.changed(v.frame())
			v.changed(v.frame()) // another tab
			if a, silently := v.follow("/private"); a.status != http.StatusOK || !silently {
				t.Fatalf("asked silently %v: %v", silently, a)
			}
		}
		if state := v.frame(); state != "" {
			t.Errorf("the page still asks about %q", state)
		}
		if next := v.changed("whatever"); next != "" {
			t.Errorf("and goes on with %q", next)
		}
		v.welcome()
		w.expectEnds()
		v.login()
		if v.frame() == "" {
			t.Error("nor does that of the next session")
		}
	})
}

// An IdP that has an answer other than yes or no leaves the session alone, and there is no loop:
// the person logs in.
func TestCheckSessionUnanswered(t *testing.T) {
	inBubble(t, setup{kind: rp.NoToken, idp: func(c *idpmock.Config) {
		c.Temperament.SilentWithoutHint = "interaction_required"
	}}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(time.Second)
		v.changed(v.frame())
		back := v.get(v.authorize(v.get(v.get("/private").location()).location()))
		if back.location() != "/private" {
			t.Fatalf("the refused check: %v", back)
		}
		to := v.get("/private").location()
		if q := query(v.get(to).location()); q.Has("prompt") {
			t.Errorf("it is asked again: %v", q)
		}
		v.expect("live", "")
	})
}

// session_state comes along by form_post, too.
func TestCheckSessionFormPost(t *testing.T) {
	inBubble(t, setup{kind: rp.NoToken, config: func(c *rp.Config) { c.ResponseMode = "form_post" }},
		func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.follow("/private")
			first := v.frame()
			v.changed(first)
			if a, silently := v.follow("/private"); a.status != http.StatusOK || !silently {
				t.Fatalf("asked silently %v: %v", silently, a)
			}
			if second := v.frame(); first == "" || second == "" || second == first {
				t.Errorf("session_state %q, then %q", first, second)
			}
		})
}

// The frame is no activity, and nobody but a page of the app itself may speak for it.
func TestCheckSessionIsPassive(t *testing.T) {
	inBubble(t, setup{config: func(c *rp.Config) { c.Idle = 10 * time.Minute }}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		state := v.frame()
		form := url.Values{"session_state": {state}}
		for name, h := range map[string]http.Header{
			"a sibling":    with(fetching, "Sec-Fetch-Site", "same-site", "Origin", "https://evil.notes.example"),
			"another site": with(fetching, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"),
			"the IdP":      with(fetching, "Sec-Fetch-Site", "cross-site", "Origin", issuer),
			"a form":       with(navigating, "Sec-Fetch-Site", "same-origin", "Origin", base),
			"no metadata":  {"Origin": {"https://evil.example"}},
		} {
			if a := v.do("POST", "/auth/check-session", form, h); a.status != http.StatusForbidden {
				t.Errorf("%s: %v", name, a)
			}
		}
		if a := w.visitor("").do("POST", "/auth/check-session", form, fetching); a.status != http.StatusUnauthorized {
			t.Errorf("nobody: %v", a)
		}
		if a := v.do("POST", "/auth/check-session", url.Values{"session_state": {strings.Repeat("x", 1<<20)}},
			fetching); a.status != http.StatusBadRequest {
			t.Errorf("a megabyte: %v", a)
		}
		v.changed("")
		v.changed(state + "x")
		if s := v.status(); s.Cause != "" {
			t.Errorf("somebody was believed: %+v", s)
		}
		for range 11 {
			time.Sleep(time.Minute)
			v.frame()
		}
		v.expect("ended", reason.Idle)
		if v.frame() != "" {
			t.Error("the frame of an ended session asks")
		}
	})
}

// Where the IdP has no frame, or one that no page can load, there is nothing to ask; and what is
// no session_state is not kept.
func TestNoCheckSession(t *testing.T) {
	inBubble(t, setup{idp: func(c *idpmock.Config) {
		c.Temperament.Lacks = []string{"check_session_iframe"}
	}}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		if a := v.do("GET", "/auth/check-session", nil, framing); a.status != http.StatusNotFound {
			t.Errorf("%v", a)
		}
	})
	for name, bad := range map[string]string{"a space": "a b", "a line": "a\nb", "markup": `">é`,
		"too long": strings.Repeat("x", 513)} {
		inBubble(t, setup{}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			callback, err := url.Parse(v.authorize(v.start("/auth/login")))
			if err != nil {
				t.Fatal(err)
			}
			q := callback.Query()
			q.Set("session_state", bad)
			callback.RawQuery = q.Encode()
			if a := v.get(callback.String()); a.status != http.StatusSeeOther {
				t.Errorf("%s: %v", name, a)
			}
			if state := v.frame(); state != "" {
				t.Errorf("%s is kept: %q", name, state)
			}
		})
	}
}

// Who has back-channel logout does not need it and hears nothing of it; who has not is told.
func TestCheckSessionIsSuggested(t *testing.T) {
	for name, row := range map[string]struct {
		lacks []string
		told  bool
	}{
		"all there":        {nil, false},
		"no back channel":  {[]string{"backchannel_logout_supported"}, true},
		"neither of the 2": {[]string{"backchannel_logout_supported", "check_session_iframe"}, false},
	} {
		inBubble(t, setup{idp: func(c *idpmock.Config) { c.Temperament.Lacks = row.lacks }},
			func(t *testing.T, w *world) {
				told := false
				for _, f := range w.auth[0].Findings() {
					told = told || strings.Contains(f.Text, "check_session_iframe")
				}
				if told != row.told {
					t.Errorf("%s: told %v", name, told)
				}
			})
	}
}
