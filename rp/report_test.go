package rp_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// An upload of 20 minutes at Idle 15 min: the app reports its progress, and the next click
// finds the session alive; without that it is over. The IdP hears of it within δ.
func TestReportActivity(t *testing.T) {
	for _, reports := range []bool{true, false} {
		s := setup{config: func(c *rp.Config) { c.Idle = 15 * time.Minute }, idp: patient}
		inBubble(t, s, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			w.run = func(rw http.ResponseWriter, r *http.Request, s *rp.Session) {
				for range 20 * 60 {
					time.Sleep(time.Second)
					if !reports {
						continue
					}
					for range 5 { // more often than counts
						if err := s.ReportActivity(r.Context()); err != nil {
							t.Fatal(err)
						}
					}
				}
			}
			w.idp.ResetRequests()
			v.submit("/run")
			if n := w.idp.Count(idpmock.EndpointRefresh, "notes"); reports != (n >= 3) || n > 20 {
				t.Errorf("reports %v: the IdP was told %d times in 20 min", reports, n)
			}
			if reports {
				v.welcome()
				w.expectEnds()
			} else if a := v.fetch("/private"); a.status != http.StatusUnauthorized {
				t.Errorf("nobody was active for 20 min: %v", a)
			}
		})
	}
}

// A WebSocket's goroutine reports after the handler has returned, and learns of the end.
func TestReportActivityLater(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		var kept *rp.Session
		w.run = func(_ http.ResponseWriter, _ *http.Request, s *rp.Session) { kept = s }
		v.get("/run-passive")
		if err := kept.ReportActivity(context.Background()); err != nil {
			t.Error(err)
		}
		v.submit("/auth/logout")
		if err, ended := kept.ReportActivity(context.Background()), (*rp.EndedError)(nil); !errors.As(err, &ended) ||
			ended.Reason != reason.UserLogout {
			t.Errorf("after the end: %v", err)
		}
	})
}
