package idpmock_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// signals are the calls that tell a provider of activity.
var signals = map[string]func(w *world, b *idpmock.Browser, tok answer) answer{
	"refresh": func(w *world, _ *idpmock.Browser, tok answer) answer {
		return w.refresh("notes", tok.text("refresh_token"))
	},
	"userinfo": func(w *world, _ *idpmock.Browser, tok answer) answer {
		return w.userinfo(tok.text("access_token"))
	},
	"introspection": func(w *world, _ *idpmock.Browser, tok answer) answer {
		return w.introspect(tok.text("access_token"))
	},
}

// gone is what each signal answers once the session is over.
func gone(name string, a answer) bool {
	switch name {
	case "refresh":
		return a.status == http.StatusBadRequest && a.text("error") == "invalid_grant"
	case "userinfo":
		return a.status == http.StatusUnauthorized && a.text("error") == "invalid_token"
	}
	return a.status == http.StatusOK && a.fields["active"] == false
}

func good(name string, a answer) bool {
	return a.status == http.StatusOK && (name != "introspection" || a.fields["active"] == true)
}

func longAccess(format idpmock.AccessTokenType) func(*idpmock.Config) {
	return func(c *idpmock.Config) {
		for i := range c.Clients {
			c.Clients[i].AccessTokenLifetime = 24 * time.Hour
			c.Clients[i].AccessTokenType = format
		}
	}
}

// Every signal sets the deadline to exactly now + W, whatever the access token
// looks like.
func TestSignalsSlideTheSession(t *testing.T) {
	for _, format := range []idpmock.AccessTokenType{idpmock.JWT, idpmock.Reference} {
		for name, signal := range signals {
			t.Run(string(format)+" "+name, func(t *testing.T) {
				inBubble(t, longAccess(format), func(t *testing.T, w *world) {
					b := w.Browser("ada")
					tok := w.login(b, "notes")
					time.Sleep(7*time.Minute + 3*time.Second)
					if a := signal(w, b, tok); !good(name, a) {
						t.Fatal(a)
					}
					s := w.session(b)
					if want := time.Now().Add(15 * time.Minute); !s.IdleDeadline.Equal(want) ||
						!s.LastActive.Equal(time.Now()) {
						t.Errorf("deadline %v, want %v", s.IdleDeadline, want)
					}
				})
			})
		}
	}
}

// A visit and a silent one extend too; a look at the session does not.
func TestVisitsSlideTheSession(t *testing.T) {
	for _, prompt := range []string{"", "none"} {
		t.Run("prompt="+prompt, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				b := w.Browser("ada")
				w.login(b, "notes")
				time.Sleep(10 * time.Minute)
				before := w.session(b).IdleDeadline
				w.Sessions()
				if got := w.session(b).IdleDeadline; !got.Equal(before) {
					t.Fatalf("looking moved the deadline by %v", got.Sub(before))
				}
				w.login(b, "mail", "prompt", prompt)
				if got := w.session(b).IdleDeadline; !got.Equal(time.Now().Add(15 * time.Minute)) {
					t.Errorf("deadline %v", got)
				}
			})
		})
	}
}

// The last nanosecond of the window is alive, its end is not: with no sweeper,
// so that the lazy path finds it.
func TestWindowIsExact(t *testing.T) {
	for name, signal := range signals {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(c *idpmock.Config) {
				longAccess(idpmock.Reference)(c)
				c.SweepEvery = -1
			}, func(t *testing.T, w *world) {
				b := w.Browser("ada")
				tok := w.login(b, "notes")
				time.Sleep(15*time.Minute - 1)
				a := signal(w, b, tok)
				if !good(name, a) {
					t.Fatalf("a nanosecond before the end: %v", a)
				}
				if name == "refresh" {
					tok = a
				}
				time.Sleep(15 * time.Minute)
				if a := signal(w, b, tok); !gone(name, a) {
					t.Fatalf("at the end: %v", a)
				}
				if len(w.Sessions()) != 0 {
					t.Error("the session is still listed")
				}
			})
		})
	}
}

func TestAbsoluteLifetimeIsAHardEnd(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		tok := w.login(b, "notes")
		for range 47 { // 7 h 50 min
			time.Sleep(10 * time.Minute)
			if tok = w.refresh("notes", tok.text("refresh_token")); tok.status != http.StatusOK {
				t.Fatal(tok)
			}
		}
		s := w.session(b)
		if !s.IdleDeadline.Equal(s.AbsoluteDeadline) || !s.AbsoluteDeadline.Equal(s.AuthTime.Add(8*time.Hour)) {
			t.Errorf("idle %v absolute %v", s.IdleDeadline, s.AbsoluteDeadline)
		}
		time.Sleep(10 * time.Minute)
		if a := w.refresh("notes", tok.text("refresh_token")); !gone("refresh", a) {
			t.Error(a)
		}
	})
}

// The table of coordination: after each kind of end, what each kind of client's
// tokens are still good for, and who is told.
func TestCoordination(t *testing.T) {
	ends := map[string]func(w *world, b *idpmock.Browser){
		"logout": func(w *world, b *idpmock.Browser) {
			if _, err := b.Logout(w.t.Context(), w.URL+idpmock.PathEndSession); err != nil {
				w.t.Fatal(err)
			}
		},
		"admin": func(w *world, b *idpmock.Browser) {
			if err := w.EndSession(w.session(b).SID); err != nil {
				w.t.Fatal(err)
			}
		},
		"user": func(w *world, b *idpmock.Browser) {
			if n := w.EndUser("ada"); n != 1 {
				w.t.Fatalf("%d sessions of ada", n)
			}
		},
		"idle": func(w *world, b *idpmock.Browser) { time.Sleep(16 * time.Minute) },
	}
	for name, end := range ends {
		for _, global := range []bool{false, true} {
			for _, client := range []*bool{nil, idpmock.Bool(false), idpmock.Bool(true)} {
				for _, expiryTells := range []bool{false, true} {
					coordinated := client != nil && *client || client == nil && global
					label := name
					if global {
						label += " global"
					}
					if client != nil {
						label += map[bool]string{false: " client-off", true: " client-on"}[*client]
					}
					if expiryTells {
						label += " expiry-tells"
					}
					t.Run(label, func(t *testing.T) {
						inBubble(t, func(c *idpmock.Config) {
							longAccess(idpmock.JWT)(c)
							c.CoordinateClientLifetimes, c.ExpiredSessionsTriggerBackchannelLogout = global, expiryTells
							c.Clients[0].CoordinateLifetime = client
						}, func(t *testing.T, w *world) {
							b := w.Browser("ada")
							tok := w.login(b, "notes")
							end(w, b)
							w.Settle()
							for signal, call := range signals {
								a := call(w, b, tok)
								if coordinated && !gone(signal, a) || !coordinated && !good(signal, a) {
									t.Errorf("%s afterwards: %v", signal, a)
								}
							}
							want := 1
							if name == "idle" && !coordinated && !expiryTells {
								want = 0
							}
							if n := len(w.deliveries("notes")); n != want {
								t.Errorf("%d logout tokens, want %d", n, want)
							}
						})
					})
				}
			}
		}
	}
}

// A code that was issued before a log-out is worthless after it.
func TestLogoutKillsCodes(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		cb, err := b.Authorize(t.Context(), authURL(w.URL, "notes"))
		if err != nil {
			t.Fatal(err)
		}
		w.EndUser("ada")
		if a := w.exchange("notes", cb); a.text("error") != "invalid_grant" {
			t.Error(a)
		}
	})
}

func TestUncoordinatedCallsDoNotExtend(t *testing.T) {
	for name, signal := range signals {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(c *idpmock.Config) { c.CoordinateClientLifetimes = false }, func(t *testing.T, w *world) {
				b := w.Browser("ada")
				tok := w.login(b, "notes")
				before := w.session(b)
				time.Sleep(time.Minute)
				signal(w, b, tok)
				if after := w.session(b); !after.IdleDeadline.Equal(before.IdleDeadline) {
					t.Error("the session was extended")
				}
			})
		})
	}
}

// One session for two apps, each with its own last activity.
func TestOneSessionForAllApps(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		notes := w.login(b, "notes")
		begun := time.Now()
		time.Sleep(time.Minute)
		w.login(b, "mail")
		time.Sleep(time.Minute)
		w.refresh("notes", notes.text("refresh_token"))
		s := w.session(b)
		if len(w.Sessions()) != 1 || len(s.Clients) != 2 {
			t.Fatalf("%+v", w.Sessions())
		}
		n, _ := s.Client("notes")
		m, _ := s.Client("mail")
		if !n.LastActive.Equal(begun.Add(2*time.Minute)) || n.LastEndpoint != idpmock.EndpointRefresh ||
			!n.Joined.Equal(begun) {
			t.Errorf("notes: %+v", n)
		}
		if !m.LastActive.Equal(begun.Add(time.Minute)) || m.LastEndpoint != idpmock.EndpointAuthorize {
			t.Errorf("mail: %+v", m)
		}
	})
}

func TestSigningInAgain(t *testing.T) {
	t.Run("as the same person keeps the session and resets its clocks", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, w *world) {
			b := w.Browser("ada")
			w.login(b, "notes")
			before := w.session(b)
			time.Sleep(5 * time.Minute)
			tok := w.login(b, "notes", "prompt", "login")
			after := w.session(b)
			if after.SID != before.SID || !after.AuthTime.Equal(time.Now()) ||
				!after.AbsoluteDeadline.Equal(time.Now().Add(8*time.Hour)) {
				t.Errorf("before %+v after %+v", before, after)
			}
			if _, c := peek(t, tok.text("id_token")); int64(c["auth_time"].(float64)) != time.Now().Unix() {
				t.Errorf("auth_time %v", c["auth_time"])
			}
			w.Settle()
			if n := len(w.deliveries("notes")); n != 0 {
				t.Errorf("%d logout tokens", n)
			}
		})
	})
	t.Run("as somebody else ends the first session", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, w *world) {
			b := w.Browser("ada")
			tok := w.login(b, "notes")
			w.login(b.As("bob"), "mail", "prompt", "select_account")
			w.Settle()
			if s := w.session(b); s.Subject != "bob" || len(w.Sessions()) != 1 {
				t.Errorf("%+v", w.Sessions())
			}
			if len(w.deliveries("notes")) != 1 || !gone("refresh", w.refresh("notes", tok.text("refresh_token"))) {
				t.Error("ada's session lives on")
			}
		})
	})
}

func TestExtend(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		w.login(b, "notes")
		sid := w.session(b).SID
		time.Sleep(14 * time.Minute)
		if _, err := w.Extend(sid, "notes"); err != nil {
			t.Fatal(err)
		}
		if s, err := w.Extend(sid, "mail"); err != nil || len(s.Clients) != 1 { // no part of the session
			t.Errorf("%+v %v", s, err)
		}
		time.Sleep(14 * time.Minute)
		if s := w.session(b); s.SID != sid {
			t.Error("another session")
		}
		if _, err := w.Extend("nonsense", ""); !errors.Is(err, idpmock.ErrNoSession) {
			t.Error(err)
		}
		if _, err := w.Extend(sid, "nobody"); !errors.Is(err, idpmock.ErrUnknownClient) {
			t.Error(err)
		}
		if err := w.EndSession(sid); err != nil {
			t.Fatal(err)
		}
		if err := w.EndSession(sid); !errors.Is(err, idpmock.ErrNoSession) {
			t.Error(err)
		}
		if err := w.EndSession(""); !errors.Is(err, idpmock.ErrNoSession) { // empty never matches
			t.Error(err)
		}
	})
}

// oidc-provider's way: one sid per client for one session.
func TestSIDPerClient(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) { c.SIDPerClient = true }, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		sids := map[string]string{}
		for _, client := range []string{"notes", "mail"} {
			_, c := peek(t, w.login(b, client).text("id_token"))
			sids[client], _ = c["sid"].(string)
		}
		if sids["notes"] == "" || sids["notes"] == sids["mail"] {
			t.Fatalf("%v", sids)
		}
		if err := w.EndSession(sids["mail"]); err != nil { // any of them names the session
			t.Fatal(err)
		}
		w.Settle()
		for client, sid := range sids {
			got := w.deliveries(client)
			if len(got) != 1 {
				t.Fatalf("%s got %d", client, len(got))
			}
			if _, c := peek(t, got[0].token); c["sid"] != sid {
				t.Errorf("%s: sid %v, want %s", client, c["sid"], sid)
			}
		}
	})
}

// Advance moves a clock that runs by itself, as a test without a bubble needs.
func TestAdvance(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) { c.SweepEvery = -1 }, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		w.login(b, "notes")
		before := w.Now()
		w.Advance(16 * time.Minute)
		if got := w.Now().Sub(before); got != 16*time.Minute {
			t.Errorf("moved by %v", got)
		}
		if len(w.Sessions()) != 0 {
			t.Error("the session lives on")
		}
		w.Settle()
		if n := len(w.deliveries("notes")); n != 1 {
			t.Errorf("%d logout tokens", n)
		}
	})
}
