package rp_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// C6: while the store cannot say whom to ask about, or cannot note it, nobody is sent
// anywhere: not to the IdP, and not to the page, which would send the browser back at once.
func TestSilentCheckWithoutAStore(t *testing.T) {
	for _, method := range []string{"Load", "Replace"} {
		t.Run(method, func(t *testing.T) {
			s, store := flaky(asking)
			s.idp = independent
			inBubble(t, s, func(t *testing.T, w *world) {
				v := w.visitor("ada")
				v.login()
				to := ""
				for to == "" { // a click each minute: it is asked while trust lasts
					time.Sleep(time.Minute)
					to = v.get("/private").location()
				}
				store.breaks(method)
				if a := v.get(to); a.status != 503 || a.header.Get("Retry-After") == "" {
					t.Errorf("%v", a)
				}
				store.heals()
				if a, silently := v.follow(to); a.status != 200 || !silently {
					t.Errorf("%v", a)
				}
				w.expectEnds()
			})
		})
	}
}

// endsFirst is a store in which a session ends right before a change of it is saved.
type endsFirst struct {
	store.Store
	armed atomic.Bool
}

func (s *endsFirst) Replace(ctx context.Context, rec store.Record) error {
	if s.armed.Swap(false) {
		if _, err := s.End(ctx, store.Selector{Key: rec.Key}, store.End{Reason: string(reason.Admin),
			At: time.Now(), Until: time.Now().Add(time.Hour)}); err != nil {
			return err
		}
	}
	return s.Store.Replace(ctx, rec)
}

// C5: a session that ends while the browser is being sent to a silent log-in asks nothing
// any more. The page decides, and no trouble is told.
func TestSilentCheckOfASessionThatEndsMeanwhile(t *testing.T) {
	kept := &endsFirst{}
	s := setup{kind: rp.NoToken, idp: independent, config: func(c *rp.Config) {
		silent(c)
		kept.Store, c.Store = c.Store, kept
	}}
	inBubble(t, s, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(6 * time.Minute)
		to := v.get("/private").location()
		kept.armed.Store(true)
		if a := v.get(to); a.status != http.StatusSeeOther || a.location() != "/private" {
			t.Errorf("%v", a)
		}
		if kept.armed.Load() {
			t.Error("nothing was to be saved")
		}
		v.expect("ended", reason.Admin)
		if w.lines("silent check could not be started") > 0 {
			t.Error(w.log.String())
		}
	})
}
