package idpmock_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

func refuseFirst(n, status int) func(string, int, http.ResponseWriter, *http.Request) {
	return func(_ string, i int, w http.ResponseWriter, _ *http.Request) {
		if i <= n {
			w.WriteHeader(status)
		}
	}
}

// A failure that may pass is retried on schedule, with the same token; a verdict
// is final (BCLO-04).
func TestDeliveryRetries(t *testing.T) {
	for name, tt := range map[string]struct {
		reply func(string, int, http.ResponseWriter, *http.Request)
		want  []time.Duration // attempts, after the end
	}{
		"200":                 {nil, []time.Duration{0}},
		"204":                 {refuseFirst(9, 204), []time.Duration{0}},
		"400 is final":        {refuseFirst(9, 400), []time.Duration{0}},
		"302 is not followed": {refuseFirst(9, 302), []time.Duration{0}},
		"503 once":            {refuseFirst(1, 503), []time.Duration{0, time.Second}},
		"429 twice":           {refuseFirst(2, 429), []time.Duration{0, time.Second, 6 * time.Second}},
		"500 for ever": {refuseFirst(99, 500), []time.Duration{0, time.Second, 6 * time.Second,
			36 * time.Second}},
		"a cut connection": {func(_ string, n int, _ http.ResponseWriter, _ *http.Request) {
			if n == 1 {
				panic(http.ErrAbortHandler)
			}
		}, []time.Duration{0, time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				w.reply = tt.reply
				b := w.Browser("ada")
				w.login(b, "notes")
				time.Sleep(500 * time.Microsecond) // off the sweeper's beat
				end := time.Now()
				w.EndUser("ada")
				w.waitOutbox(t)
				got := w.deliveries("notes")
				if len(got) != len(tt.want) {
					t.Fatalf("%d attempts, want %d", len(got), len(tt.want))
				}
				for i, d := range got {
					if late := d.at.Sub(end) - tt.want[i]; late < 0 || late > time.Second {
						t.Errorf("attempt %d at %v, want %v", i, d.at.Sub(end), tt.want[i])
					}
					if d.token != got[0].token {
						t.Errorf("attempt %d has another token", i)
					}
				}
			})
		})
	}
}

// waitOutbox waits in virtual time until nothing is to be delivered any more.
func (w *world) waitOutbox(t *testing.T) {
	t.Helper()
	if err := w.IDP.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// A retry after the token has expired carries a new one.
func TestLateRetryHasAFreshToken(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) {
		c.DeliveryRetries = []time.Duration{5 * time.Minute}
	}, func(t *testing.T, w *world) {
		w.reply = refuseFirst(1, 503)
		w.login(w.Browser("ada"), "notes")
		w.EndUser("ada")
		w.waitOutbox(t)
		got := w.deliveries("notes")
		if len(got) != 2 || got[0].token == got[1].token {
			t.Fatalf("%d attempts", len(got))
		}
		_, c := peek(t, got[1].token)
		if exp := time.Unix(int64(c["exp"].(float64)), 0); !exp.After(got[1].at) {
			t.Errorf("exp %v at %v", exp, got[1].at)
		}
	})
}

// One client that hangs holds up neither the others nor the person.
func TestDeliveryIsParallel(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) { c.LogoutWait = 2 * time.Second }, func(t *testing.T, w *world) {
		w.reply = func(client string, _ int, _ http.ResponseWriter, r *http.Request) {
			if client == "notes" {
				<-r.Context().Done()
			}
		}
		b := w.Browser("ada")
		w.login(b, "notes")
		tok := w.login(b, "mail")
		begun := time.Now()
		to, err := b.Logout(t.Context(), w.URL+idpmock.PathEndSession+"?id_token_hint="+tok.text(
			"id_token")+"&post_logout_redirect_uri=https://mail.example/bye")
		if err != nil || to != "https://mail.example/bye" {
			t.Fatal(to, err)
		}
		if took := time.Since(begun); took != 2*time.Second {
			t.Errorf("the person waited %v", took)
		}
		if got := w.deliveries("mail"); len(got) != 1 || got[0].at.After(begun) {
			t.Errorf("mail: %v", got)
		}
		w.waitOutbox(t) // 4 attempts of 5 s
	})
}

// The initiating client is told before the person is back (BCLO-01).
func TestLogoutTokensComeBeforeTheRedirect(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		tok := w.login(b, "notes")
		w.login(b, "mail")
		if _, err := b.Logout(t.Context(),
			w.URL+idpmock.PathEndSession+"?id_token_hint="+tok.text("id_token")); err != nil {
			t.Fatal(err)
		}
		if len(w.deliveries("notes")) != 1 || len(w.deliveries("mail")) != 1 {
			t.Error("not told yet")
		}
	})
}

// A client that answers for ever is cut off.
func TestAnswersAreBounded(t *testing.T) {
	inBubble(t, func(c *idpmock.Config) { c.DeliveryRetries = []time.Duration{} }, func(t *testing.T, w *world) {
		w.reply = func(_ string, _ int, rw http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := rw.Write(make([]byte, 4096)); err != nil {
					return
				}
			}
		}
		w.login(w.Browser("ada"), "notes")
		begun := time.Now()
		w.EndUser("ada")
		w.waitOutbox(t)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("took %v", took)
		}
	})
}

func TestUnreachableClient(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		w.Net.Fail("notes.example", http.ErrServerClosed)
		w.login(w.Browser("ada"), "notes")
		w.EndUser("ada")
		synctest.Wait()
		out := w.Outbox()
		if len(out) != 1 || out[0].Attempts != 1 || out[0].Error == "" {
			t.Fatalf("%+v", out)
		}
		w.Net.Fail("notes.example", nil)
		w.waitOutbox(t)
		if len(w.deliveries("notes")) != 1 {
			t.Error("not delivered")
		}
	})
}

func TestDeliveryFaults(t *testing.T) {
	twoEnds := func(w *world) { // two sessions of one client, ended a minute apart
		a, b := w.Browser("ada"), w.Browser("bob")
		w.login(a, "notes")
		w.login(b, "notes")
		w.EndUser("ada")
		time.Sleep(time.Minute)
		w.EndUser("bob")
	}
	subjects := func(w *world) (out []string) {
		for _, d := range w.deliveries("notes") {
			_, c := peek(w.t, d.token)
			out = append(out, c["sub"].(string))
		}
		return out
	}
	for name, tt := range map[string]struct {
		fault idpmock.DeliveryFault
		want  string
	}{
		"lost":              {idpmock.DeliveryFault{Client: "notes", Lose: true}, "bob"},
		"all lost":          {idpmock.DeliveryFault{Lose: true, Times: idpmock.Always}, ""},
		"delayed":           {idpmock.DeliveryFault{Delay: 2 * time.Minute}, "bob ada"},
		"reordered":         {idpmock.DeliveryFault{Reorder: true}, "bob ada"},
		"copies":            {idpmock.DeliveryFault{Copies: 2}, "ada ada ada bob"},
		"of another client": {idpmock.DeliveryFault{Client: "mail", Lose: true}, "ada bob"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				w.FaultDelivery(tt.fault)
				twoEnds(w)
				w.waitOutbox(t)
				synctest.Wait()
				if got := strings.Join(subjects(w), " "); got != tt.want {
					t.Errorf("arrived: %q, want %q", got, tt.want)
				}
				if name == "copies" {
					if d := w.deliveries("notes"); d[0].token != d[2].token {
						t.Error("a copy is another token")
					}
				}
			})
		})
	}
	t.Run("a bad token", func(t *testing.T) {
		inBubble(t, nil, func(t *testing.T, w *world) {
			w.FaultDelivery(idpmock.DeliveryFault{Token: idpmock.LogoutWithNonce})
			twoEnds(w)
			w.waitOutbox(t)
			_, first := peek(t, w.deliveries("notes")[0].token)
			_, second := peek(t, w.deliveries("notes")[1].token)
			if first["nonce"] == nil || second["nonce"] != nil {
				t.Errorf("%v %v", first, second)
			}
		})
	})
}

// Everything that happens is told, in order.
func TestEvents(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		events, cancel := w.Subscribe(100)
		b := w.Browser("ada")
		tok := w.login(b, "notes")
		w.refresh("notes", tok.text("refresh_token"))
		w.EndUser("ada")
		w.Settle()
		w.refresh("notes", "nonsense")
		cancel()
		var kinds []string
		for e := range events {
			if e.Time.IsZero() {
				t.Errorf("%+v has no time", e)
			}
			kinds = append(kinds, string(e.Kind))
		}
		if got := strings.Join(kinds, " "); got != "sign-in join signal end delivery" {
			t.Errorf("events: %s", got)
		}
		if h := w.Events(); len(h) != len(kinds) || slices.ContainsFunc(h, func(e idpmock.Event) bool {
			return e.Kind == idpmock.EventDelivery && e.Outcome != "delivered"
		}) {
			t.Errorf("%+v", h)
		}
	})
}

// Secrets are not in the record; the same token can be told from another.
func TestRequestsAreMasked(t *testing.T) {
	inBubble(t, nil, func(t *testing.T, w *world) {
		b := w.Browser("ada")
		tok := w.login(b, "notes")
		w.refresh("notes", tok.text("refresh_token"))
		w.refresh("notes", tok.text("refresh_token"))
		w.introspect(tok.text("access_token"))
		all := w.Requests()
		var prints []string
		for _, r := range all {
			line := r.String()
			for _, secret := range []string{tok.text("refresh_token"), tok.text("access_token"), tok.text("id_token"),
				"notes-secret", verifier} {
				if strings.Contains(line, secret) {
					t.Errorf("a secret is in %q", line)
				}
			}
			if r.Endpoint == idpmock.EndpointRefresh {
				prints = append(prints, r.Params["refresh_token"])
			}
		}
		if len(prints) != 2 || prints[0] != prints[1] || !strings.HasPrefix(prints[0], "#") {
			t.Errorf("%q", prints)
		}
		w.Expect(idpmock.EndpointRefresh, "notes", 2)
		w.Expect(idpmock.EndpointToken, "notes", 3)
		w.Expect(idpmock.EndpointIntrospect, "api", 1)
		w.Expect(idpmock.EndpointUserinfo, "", 0)
		if w.ResetRequests(); w.Count("", "") != 0 {
			t.Error("counts remain")
		}
	})
}
