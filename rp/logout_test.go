package rp_test

import (
	"context"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// hiddenFields reads the form that sends the browser on.
var hiddenField = regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)

func hiddenFields(page string) url.Values {
	out := url.Values{}
	for _, m := range hiddenField.FindAllStringSubmatch(page, -1) {
		out.Add(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return out
}

// RIL-01, RIL-02, RIL-03: log out here first, then at the IdP with everything it
// needs to do without asking, and come back to a page that logs nobody in.
func TestLogout(t *testing.T) {
	for _, kind := range kinds {
		for name, byPost := range map[string]bool{"redirect": false, "form": true} {
			t.Run(kind.String()+" by "+name, func(t *testing.T) {
				inBubble(t, setup{kind: kind, config: func(c *rp.Config) {
					c.Logout.Post = byPost
				}}, func(t *testing.T, w *world) {
					v := w.visitor("ada")
					v.login()
					session := v.session()
					a := v.submit("/auth/logout")
					w.expectEnds(reason.UserLogout) // whatever the IdP says afterwards
					v.expect("ended", reason.UserLogout)
					if a.header.Get("Cache-Control") != "no-store" || a.header.Get("Clear-Site-Data") != "" ||
						a.header.Get("Referrer-Policy") != "no-referrer" {
						t.Errorf("headers %v", a.header)
					}
					var fields url.Values
					if byPost {
						if a.status != 200 || a.location() != "" ||
							!strings.Contains(a.body, `action="`+issuer+`/end_session"`) ||
							!strings.Contains(a.body, `method="post"`) {
							t.Fatalf("not a form: %v", a)
						}
						if csp := a.header.Get("Content-Security-Policy"); !strings.Contains(csp,
							"default-src 'none'") || strings.Contains(csp, "unsafe") {
							t.Errorf("Content-Security-Policy %q", csp)
						}
						fields = hiddenFields(a.body)
					} else {
						if a.status != http.StatusSeeOther || !strings.HasPrefix(a.location(), issuer+"/end_session?") {
							t.Fatalf("not a redirect to the IdP: %v", a)
						}
						fields = query(a.location())
					}
					if fields.Get("client_id") != "notes" ||
						fields.Get("post_logout_redirect_uri") != base+"/auth/logged-out" ||
						len(fields.Get("state")) < 20 || fields.Get("id_token_hint") == "" {
						t.Fatalf("fields %v", fields)
					}
					back, err := v.idp.Logout(w.Context(), issuer+"/end_session?"+fields.Encode())
					if err != nil || !strings.HasPrefix(back, base+"/auth/logged-out?") {
						t.Fatalf("the IdP answered %q, %v", back, err)
					}
					if _, err := w.idp.Session(session.SID); err == nil {
						t.Error("the IdP session lives")
					}
					w.idp.Settle()
					v.landed(v.get(back))
					w.expectEnds(reason.UserLogout) // the logout token found nothing more to end
				})
			})
		}
	}
}

// landed: RIL-06, the page after a log-out is just a page.
func (v *visitor) landed(a *reply) {
	v.w.Helper()
	if a.status != 200 || a.header.Get("Refresh") != "" || strings.Contains(strings.ToLower(a.body), "http-equiv") ||
		strings.Contains(a.body, "<script") {
		v.w.Errorf("the landing page goes on by itself: %v", a)
	}
	if !strings.Contains(a.body, `href="/auth/login"`) || a.header.Get("Cache-Control") != "no-store" {
		v.w.Errorf("the landing page: %v", a)
	}
}

// RIL-06, H -rp-init-logout-other-state, -no-state: whatever comes back.
func TestLoggedOutTolerates(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for _, q := range []string{"", "?state=other", "?state=&state=", "?state=" + url.QueryEscape(marker),
			"?error=server_error", "?%zz"} {
			a := v.get("/auth/logged-out" + q)
			v.landed(a)
			if strings.Contains(a.body, "marker") {
				t.Errorf("%s is repeated: %v", q, a)
			}
		}
		v.expect("live", "") // it is no log-out by itself
	})
}

// Only this app's own pages can log a person out (RIL-06: POST and a check).
func TestLogoutIsSafeFromOtherSites(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for name, h := range map[string]http.Header{
			"another site": with(navigating, "Sec-Fetch-Site", "cross-site", "Origin",
				"https://evil.example"),
			"a sibling": with(navigating, "Sec-Fetch-Site", "same-site", "Origin",
				"https://www.notes.example"),
			"a browser without Fetch Metadata": {"Origin": {"https://evil.example"}},
			"a sandboxed frame":                {"Origin": {"null"}},
			"the IdP":                          with(navigating, "Sec-Fetch-Site", "cross-site", "Origin", issuer),
		} {
			if a := v.do("POST", "/auth/logout", url.Values{}, h); a.status != http.StatusForbidden ||
				len(a.header["Set-Cookie"]) > 0 {
				t.Errorf("%s: %v", name, a)
			}
		}
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE"} {
			if a := v.do(method, "/auth/logout", nil,
				with(navigating, "Sec-Fetch-Site", "same-origin")); a.status != http.StatusMethodNotAllowed ||
				a.header.Get("Allow") != "POST" {
				t.Errorf("%s: %v", method, a)
			}
		}
		v.expect("live", "")
		w.expectEnds()
		if a := v.do("POST", "/auth/logout", url.Values{},
			http.Header{"Origin": {base}}); a.status != http.StatusSeeOther {
			t.Errorf("this app's own page in a browser without Fetch Metadata: %v", a)
		}
		w.expectEnds(reason.UserLogout)
	})
}

// Nobody is logged in: no error, and nothing to do at the IdP.
func TestLogoutWithoutASession(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		for _, id := range []string{"", "junk", strings.Repeat("A", 43)} {
			v.set(cookie, id)
			if a := v.submit("/auth/logout"); a.status != http.StatusSeeOther || a.location() != "/auth/logged-out" {
				t.Errorf("cookie %q: %v", id, a)
			}
		}
		w.expectEnds()
	})
}

// A session that has ended just now still knows its ID token, so that the person
// can leave the IdP too.
func TestLogoutAfterTheEnd(t *testing.T) {
	inBubble(t, setup{config: func(c *rp.Config) { c.Idle = 10 * time.Minute }}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(11 * time.Minute)
		v.expect("ended", reason.Idle)
		a := v.submit("/auth/logout")
		if query(a.location()).Get("id_token_hint") == "" {
			t.Fatalf("%v", a)
		}
		if back, err := v.idp.Logout(w.Context(), a.location()); err != nil || back == "" {
			t.Errorf("%q, %v", back, err)
		}
		w.expectEnds(reason.Idle) // one reason, once
	})
}

// An IdP without end_session_endpoint: the local logout is all there is.
func TestLogoutWithoutEndSession(t *testing.T) {
	s := setup{idp: func(c *idpmock.Config) {}}
	inBubble(t, s, func(t *testing.T, w *world) {
		w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointDiscovery, Times: idpmock.Always,
			Body: strings.ReplaceAll(discoveryDocument(t, w.idp), `"end_session_endpoint"`, `"x"`)})
		auth := w.relyingParty(s)
		w.serve("two.example", w.app(auth))
		v := w.visitor("ada")
		v.login()
		req, _ := http.NewRequestWithContext(w.Context(), "POST", "https://two.example/auth/logout", nil)
		req.Header.Set("Cookie", cookie+"="+v.id())
		resp, err := v.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		readAll(t, resp)
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/auth/logged-out" {
			t.Errorf("%d %v", resp.StatusCode, resp.Header)
		}
		v.expect("ended", reason.UserLogout)
	})
}

// Tokens of an ended session are revoked in the background, again and again
// until the IdP has taken it (REV-01); the log-out itself does not wait.
func TestRevocationAfterLogout(t *testing.T) {
	for _, row := range []struct {
		name  string
		kind  rp.Kind
		fault idpmock.Fault
		calls int
	}{
		{"refresh and access token", rp.RefreshToken, idpmock.Fault{}, 2},
		{"access token", rp.ReferenceToken, idpmock.Fault{}, 1},
		{"nothing to revoke", rp.NoToken, idpmock.Fault{}, 0},
		{"503 is tried again", rp.RefreshToken, idpmock.Fault{Status: 503, RetryAfter: "120", Times: 2}, 4},
		{"500 is tried again", rp.RefreshToken, idpmock.Fault{Status: 500}, 3},
		{"429 is tried again", rp.RefreshToken, idpmock.Fault{Status: 429}, 3},
		{"lost connection is tried again", rp.RefreshToken, idpmock.Fault{DropBefore: true, Times: 3}, 5},
		{"400 is final", rp.RefreshToken, idpmock.Fault{Error: "unsupported_token_type", Times: idpmock.Always}, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			inBubble(t, setup{kind: row.kind}, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				if row.fault.String() != "" {
					row.fault.Endpoint = idpmock.EndpointRevoke
					w.idp.Fault(row.fault)
				}
				began := time.Now()
				v.submit("/auth/logout")
				if took := time.Since(began); took > time.Second {
					t.Errorf("the log-out took %v", took)
				}
				time.Sleep(20 * time.Minute)
				synctest.Wait()
				w.idp.Expect(idpmock.EndpointRevoke, "notes", row.calls)
				final, faulty := row.fault.Error != "", row.fault.String() != ""
				if w.log.has("could not be revoked; trying again") != (faulty && !final) ||
					w.log.has("the IdP refused to revoke a token") != final {
					t.Errorf("the log: %s", w.log)
				}
				v.expect("ended", reason.UserLogout)
				w.expectEnds(reason.UserLogout)
			})
		})
	}
}

// Who presses "log out" and closes the tab at once is logged out.
func TestLogoutOfAClosedTab(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		r := httptest.NewRequestWithContext(gone, "POST", base+"/auth/logout", nil)
		r.Header.Set("Cookie", cookie+"="+v.id())
		if err := w.auth[0].Logout(httptest.NewRecorder(), r); err != nil {
			t.Error(err)
		}
		v.expect("ended", reason.UserLogout)
	})
}
