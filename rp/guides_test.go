package rp_test

import (
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/reason"
)

// guides are those of docs/idp whose IdP make interop cannot run: here idp-mock has its
// temperament. The others are held against the IdP itself, by TestInterop. What is configured is
// what the guide's program has (TestGuidesPrograms).
var guides = []struct {
	guide, like string
	kind        rp.Kind
	silent      bool // Config.SilentCheck
	idle        bool // Config.Idle, else Config.IdPWindow
}{
	{"auth0", "auth0", rp.RefreshToken, true, false},
	{"okta", "okta", rp.RefreshToken, true, false},
	{"duende", "duende", rp.RefreshToken, false, false},
	{"pingone-pingam", "pingam", rp.RefreshToken, true, false},
	{"pingone-pingam", "pingone", rp.RefreshToken, true, true},
	{"entra", "entra", rp.RefreshToken, true, true},
	{"google", "google", rp.NoToken, false, true},
	{"cognito", "cognito", rp.RefreshToken, false, true},
	{"zitadel", "zitadel", rp.RefreshToken, true, true},
	{"authentik", "authentik", rp.NoToken, true, true},
	{"adfs", "adfs", rp.NoToken, true, true},
}

var (
	saysStays  = regexp.MustCompile(`with an? (?:action|navigation) every (\d+) min`)
	saysOut    = regexp.MustCompile(`(\d+) to (\d+) min`)
	saysIdle   = regexp.MustCompile(`(\d+) min after the last action`)
	saysChecks = regexp.MustCompile(`next navigation (?:that is |after )?(\d+) min(?: after the last check)?`)
	saysScript = regexp.MustCompile("`session_unconfirmed` (\\d+) min after (?:this app's last one|the last check)")
)

// Section 4 of those guides: who is logged out when, to the minutes that it says.
func TestGuidesTimes(t *testing.T) {
	for _, g := range guides {
		t.Run(g.like, func(t *testing.T) {
			text, err := os.ReadFile("../docs/idp/" + g.guide + ".md")
			if err != nil {
				t.Fatal(err)
			}
			_, when, _ := strings.Cut(string(text), "\n## 4. ")
			when, _, _ = strings.Cut(when, "\n## 5. ")
			if name, ok := map[string]string{"pingone": "PingOne: ", "pingam": "PingAM: "}[g.like]; ok {
				when = clauses(when, name)
			}
			says := func(p *regexp.Regexp) (d []time.Duration) {
				t.Helper()
				all := p.FindAllStringSubmatch(when, -1)
				if len(all) == 0 {
					t.Fatalf("the guide does not say %s", p)
				}
				m := all[0]
				for _, other := range all {
					if !slices.Equal(other[1:], m[1:]) {
						t.Errorf("the guide says %q and %q", m[0], other[0])
					}
				}
				for _, n := range m[1:] {
					minutes, err := strconv.Atoi(n)
					if err != nil {
						t.Fatal(err)
					}
					d = append(d, time.Duration(minutes)*time.Minute)
				}
				return d
			}
			s := setup{kind: g.kind, client: longToken, config: func(c *rp.Config) {
				can, _ := idps.Named(g.like) // what is not known extends and proves nothing
				c.Capabilities, c.SilentCheck = &can, g.silent
				c.Scopes = []string{"openid", "offline_access"}
				if g.idle {
					c.Idle = window
				} else {
					c.IdPWindow = window
				}
				if g.like == "zitadel" {
					c.TrustedAudiences = []string{"somebody-else"}
				}
			}, idp: func(c *idpmock.Config) {
				temper, err := idpmock.Like(g.like)
				if err != nil {
					t.Fatal(err)
				}
				temper.SilentWithoutHint = "" // one account is logged in
				c.Temperament, c.CoordinateClientLifetimes = temper, g.like == "duende"
				c.SweepEvery = time.Second
				if g.idle {
					c.IdleWindow = 8 * time.Hour
				}
			}}
			if g.idle {
				eachForItself(t, s, says(saysIdle)[0])
			} else {
				out := says(saysOut)
				together(t, s, says(saysStays)[0], out[0], out[1])
			}
			if g.silent && g.like != "pingam" { // which sends logout tokens
				noticed(t, s, says(saysChecks)[0])
			}
			if m := saysScript.FindStringSubmatch(when); m != nil {
				scripts(t, s, says(saysScript)[0])
			}
		})
	}
}

// clauses are what a guide of two IdPs says of one of them.
func clauses(when, name string) string {
	var b strings.Builder
	for cell := range strings.SplitSeq(when, "|") {
		if _, of, ok := strings.Cut(cell, name); ok {
			of, _, _ = strings.Cut(of, ". Ping")
			b.WriteString(of + " | ")
		}
	}
	return b.String()
}

// Each app for itself: out so long after the last action, to the second, and back without a
// password.
func eachForItself(t *testing.T, s setup, idle time.Duration) {
	t.Helper()
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for range 8 { // a person who works stays
			time.Sleep(idle - time.Second)
			if a, _ := v.follow("/private"); a.status != http.StatusOK {
				t.Fatalf("after %v: %v", w.age(), a)
			}
		}
		time.Sleep(idle - time.Second)
		v.expect("live", "")
		time.Sleep(2 * time.Second)
		v.expect("ended", reason.Idle)
		if a, _ := v.follow("/private"); a.status != http.StatusOK || w.idp.Count(idpmock.EndpointLogin, "") != 1 {
			t.Errorf("not back without a password: %v", a)
		}
	})
}

// All together: who acts at every so many minutes stays. The IdP ends its session between least
// and most after the last action: it was told by that, or nearly δ before it.
func together(t *testing.T, s setup, stays, least, most time.Duration) {
	t.Helper()
	const jitter = window / 5 / 10
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for range 8 {
			// One action is not told, because δ is not over; the next comes so long after it.
			for _, pause := range []time.Duration{window/5 - jitter - time.Second, stays} {
				time.Sleep(pause)
				if a, _ := v.follow("/private"); a.status != http.StatusOK {
					t.Fatalf("after %v: %v", w.age(), a)
				}
			}
		}
		time.Sleep(time.Second) // the signal runs beside it
		sid := v.session().SID
		time.Sleep(most - 5*time.Second)
		if !w.livesAtIdP(sid) {
			t.Errorf("the session has ended before %v after the last action, which told of it", most)
		}
		time.Sleep(7 * time.Second)
		if w.livesAtIdP(sid) {
			t.Errorf("it lives after %v", most)
		}
		if n := w.idp.Count(idpmock.EndpointLogin, ""); n != 1 {
			t.Errorf("%d passwords", n)
		}
		if a, _ := v.follow("/private"); a.status != http.StatusOK || w.idp.Count(idpmock.EndpointLogin, "") != 2 {
			t.Errorf("back without a password after %v: %v", most, a)
		}
	})
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		sid := v.session().SID
		time.Sleep(window/5 - jitter - time.Second) // not yet due: this action is not told
		v.follow("/private")
		time.Sleep(least)
		if !w.livesAtIdP(sid) {
			t.Errorf("the session has ended before %v after the last action", least)
		}
		time.Sleep(2*jitter + 2*time.Second)
		if w.livesAtIdP(sid) {
			t.Errorf("it lives more than %v after an action that was not told", least)
		}
	})
}

// A log-out elsewhere of which no logout token comes is noticed at a navigation so long after
// the last check.
func noticed(t *testing.T, s setup, after time.Duration) {
	t.Helper()
	inBubble(t, s, func(t *testing.T, w *world) {
		w.idp.FaultDelivery(idpmock.DeliveryFault{Times: idpmock.Always, Lose: true})
		v := w.visitor("ada")
		v.login()
		if err := w.idp.EndSession(v.session().SID); err != nil {
			t.Fatal(err)
		}
		time.Sleep(after + after/10 + time.Second)
		if a, _ := v.follow("/private"); a.status != http.StatusOK || w.idp.Count(idpmock.EndpointLogin, "") != 2 {
			t.Errorf("not noticed %v after the last check: %v", after, a)
		}
	})
}

// Scripts alone make no round trip: they are refused so long after the last one.
func scripts(t *testing.T, s setup, after time.Duration) {
	t.Helper()
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		for begun := time.Now(); time.Since(begun) < after-time.Minute; time.Sleep(time.Minute) {
			if a := v.fetch("/private"); a.status != http.StatusOK {
				t.Fatalf("after %v: %v", w.age(), a)
			}
		}
		time.Sleep(time.Minute + time.Second)
		a := v.fetch("/private")
		if a.status != http.StatusUnauthorized || !strings.Contains(a.body, "session_unconfirmed") {
			t.Errorf("%v after the last check: %v", after, a)
		}
	})
}
