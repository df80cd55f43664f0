package engine

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/store"
)

// Activity that the store has not taken is kept here and tried again, also if its item was
// cleared away while the store took its time.
func TestActivityThatTheStoreRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWithStore(t, Config{Kind: NoToken})
		rec := p.live(t, 1, record.Data{})
		active := p.Now().Add(time.Second)
		p.touched(rec.Key, active, errDown)
		if got := p.Latest(rec.Key, rec.Active); !got.Equal(active) {
			t.Errorf("the latest activity is %v, want %v", got, active)
		}
		time.Sleep(storeAgain)
		synctest.Wait()
		if now, err := p.kept.Load(t.Context(), rec.Key); err != nil || !now.Active.Equal(active) {
			t.Errorf("the store has %v (%v), want %v", now.Active, err, active)
		}
		if len(p.agenda.of(&rec.Key).items) != 0 {
			t.Error("it is still on the agenda")
		}
	})
}

// An instance that is closing keeps nobody waiting for a look that it does not make any more.
func TestShareWhileClosing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, stop := running()
		var pr probe
		looks := 0
		p.share(t.Context(), &pr, func(context.Context) { looks++ })
		stop()
		for range 2 {
			p.share(t.Context(), &pr, func(context.Context) { looks++ })
		}
		if looks != 1 || pr.over != nil {
			t.Errorf("%d looks", looks)
		}
	})
}

// Which token is kept for an API, and why another one is not. The refresh token beside it is
// not concerned.
func TestKeepFor(t *testing.T) {
	mail := &Audience{ID: "mail", Name: "https://mail", Form: url.Values{"audience": {"mail"}}}
	cal := &Audience{ID: "cal", Name: "https://cal", Form: url.Values{"audience": {"cal"}}}
	p := newWithStore(t, Config{Now: func() time.Time { return morning }})
	p.apis = map[string]*Audience{"https://mail": mail, "https://cal": cal, "https://own": nil}
	old := func(api, token string, ends time.Duration) record.APIToken {
		return record.APIToken{API: api, Token: token, Ends: morning.Add(ends), Life: time.Hour}
	}
	for _, row := range []struct {
		name  string
		got   Tokens
		fault string
		want  string // the tokens that are kept
	}{
		{"one that fits", Tokens{Access: "new", Kind: "Bearer"}, "", "cal:c mail:n"},
		{"none", Tokens{}, "without a usable access token", "cal:c"},
		{"one of another type", Tokens{Access: "new", Kind: "N_A"}, "N_A", "cal:c"},
		{"the log-in's audience", Tokens{Access: unsigned(`{"aud":"app"}`), Kind: "Bearer"}, "audience of the log-in",
			"cal:c"},
		{"as large as there is room for", Tokens{Access: strings.Repeat("x", maxAPIToken), Kind: "Bearer"}, "",
			"cal:c mail:x"},
		{"too large", Tokens{Access: strings.Repeat("x", maxAPIToken+1), Kind: "Bearer"}, "8193 bytes", "cal:c"},
	} {
		d := &record.Data{AccessToken: unsigned(`{"aud":"app"}`), Generation: 6,
			APITokens: record.EncodeAPITokens([]record.APIToken{old("cal", "c", time.Hour), old("mail", "m", time.Hour),
				old("cal", "over", -time.Hour), old("removed", "r", time.Hour)})}
		fault := p.keepFor(d, mail, &row.got)
		if (fault == nil) != (row.fault == "") || fault != nil && !strings.Contains(fault.Error(), row.fault) {
			t.Errorf("%s: %v", row.name, fault)
		}
		var kept []string
		for _, a := range apiTokens(d) {
			if a.API == "mail" && a.Generation != 7 {
				t.Errorf("%s: of generation %d", row.name, a.Generation)
			}
			kept = append(kept, a.API+":"+a.Token[:1])
		}
		if got := strings.Join(kept, " "); got != row.want {
			t.Errorf("%s: %s", row.name, got)
		}
	}
}

// An end that has waited for long is reported by one instance alone: not if somebody else has
// reported it, nor if one has who could not read the record, nor if the store does not say.
func TestUntoldStill(t *testing.T) {
	for name, row := range map[string]struct {
		told   bool
		sealed bool
		err    error
		want   bool
	}{
		"nobody has": {false, true, nil, true}, "somebody has": {true, true, nil, false},
		"by one who could not read it": {false, false, nil, false}, "the store fails": {false, true, errDown, false},
	} {
		p := newWithStore(t, Config{})
		d := record.Data{Subject: "ada"}
		rec := p.live(t, 1, d)
		end := store.End{Reason: "idle", At: p.Now(), Until: p.Now().Add(time.Hour)}
		ended, err := p.kept.End(t.Context(), store.Selector{Key: rec.Key}, end)
		if err != nil || len(ended) != 1 {
			t.Fatal(ended, err)
		}
		if row.told {
			d.Told = p.Now()
			p.settle(t.Context(), rec, &d, time.Time{})
		}
		if !row.sealed {
			p.settle(t.Context(), rec, nil, time.Time{})
		}
		p.kept.fails(row.err)
		now := ended[0]
		release, ok := p.untoldStill(&now)
		if ok != row.want || ok && !now.Ended() {
			t.Errorf("%s: %v", name, ok)
		}
		if ok {
			release()
		}
		if again, err := p.kept.Acquire(t.Context(), leaseOf(rec.Key), time.Second); err != nil {
			t.Errorf("%s: the lease is kept: %v %v", name, again, err)
		}
	}
}

// After an outage that comes back the ends of the last minutes are tried for a minute, and that they
// are not repeated is told.
func TestRepeatEndsGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWithStore(t, Config{})
		p.kept.fails(errDown)
		p.past.made(pastEnd{end: store.End{Reason: "admin", At: p.Now(), Until: p.Now().Add(time.Hour)}},
			[]store.Record{{Key: numbered(1)}}, nil)
		began := time.Now()
		p.endAgain()
		if took := time.Since(began); took != (pastTry-1)*time.Second || !p.said("could not be repeated") {
			t.Errorf("after %v; the log:\n%s", took, p.lines)
		}
		p.kept.fails(nil)
		p.lines.Reset()
		rec := p.live(t, 1, record.Data{})
		p.endAgain()
		if _, err := p.kept.Load(t.Context(), rec.Key); !errors.Is(err, store.ErrEnded) || !p.said("sessions=1") {
			t.Errorf("%v; the log:\n%s", err, p.lines)
		}
	})
}
