package rp_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// The application's clock is wrong by hours: every log-in is refused, and the operator
// is told why at the start, in the line of each refusal, and by Diagnose.
func TestWrongClockIsTold(t *testing.T) {
	for name, row := range map[string]struct {
		ahead time.Duration
		text  string
	}{
		"ahead":  {3 * time.Hour, "This server's clock is 3h0m0s ahead of the IdP's"},
		"behind": {-3 * time.Hour, "This server's clock is 3h0m0s behind the IdP's"},
	} {
		t.Run(name, func(t *testing.T) {
			clock := &wrongClock{}
			clock.goes(row.ahead)
			s := setup{config: func(c *rp.Config) { c.Now = clock.now }}
			inBubble(t, s, func(t *testing.T, w *world) {
				w.found("clock", row.text, "NTP")
				v := w.visitor("ada")
				if a := v.get(v.authorize(v.start("/auth/login"))); a.status != http.StatusBadRequest {
					t.Errorf("a log-in by a wrong clock: %v", a)
				}
				if !w.log.has("clock_ahead_of_idp=" + row.ahead.String()) {
					t.Errorf("the refusal does not say it:\n%s", w.log)
				}
				told := false
				findings, err := rp.Diagnose(t.Context(), w.config(s))
				for _, f := range findings {
					told = told || f.Code == "clock" && f.Serious
				}
				if err != nil || !told {
					t.Errorf("Diagnose: %v, %v", findings, err)
				}
				clock.goes(0) // NTP
				v.login()
				for _, f := range w.auth[0].Findings() {
					if f.Code == "clock" {
						t.Errorf("the clock is right now: %v", f)
					}
				}
			})
		})
	}
}

// Clocks that agree within Skew, a slow answer and a cached one are no finding.
func TestClocksThatAgree(t *testing.T) {
	for name, f := range map[string]idpmock.Fault{
		"a slow answer":    {Delay: 3 * time.Second},
		"the other second": {Header: map[string]string{"Date": "Fri, 31 Dec 1999 23:59:30 GMT"}},
		"a cached answer":  {Header: map[string]string{"Date": "Fri, 31 Dec 1999 20:00:00 GMT", "Age": "14400"}},
		"no date":          {Header: map[string]string{"Date": "yesterday"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{}, func(t *testing.T, w *world) {
				f.Endpoint, f.Times = idpmock.EndpointJWKS, idpmock.Always
				fault := w.idp.Fault(f)
				defer fault.Remove()
				synctest.Wait()
				w.visitor("ada").login()
				for _, f := range w.auth[0].Findings() {
					if f.Code == "clock" {
						t.Error(f)
					}
				}
			})
		})
	}
}

// Several servers answer for the IdP, and the clock of one is wrong: that is told once, not
// at every other answer.
func TestOneWrongClockOfSeveral(t *testing.T) {
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		for n := range 20 {
			if n%2 == 1 {
				w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointToken,
					Header: map[string]string{"Date": "Fri, 31 Dec 1999 20:00:00 GMT"}})
			}
			v.login()
			time.Sleep(time.Second)
		}
		if n := strings.Count(w.log.String(), "finding=clock"); n != 1 {
			t.Errorf("told %d times", n)
		}
	})
}
