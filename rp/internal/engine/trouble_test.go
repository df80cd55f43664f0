package engine

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/reason"
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
		release, ok, err := p.untoldStill(&now)
		if ok != row.want || ok && !now.Ended() || (err == nil) != (row.err == nil) {
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

// An instance that starts while the IdP is down goes on with the metadata that the store keeps, also
// where the keys beside it cannot be read. The log says so.
func TestKeptKeysThatCannotBeRead(t *testing.T) {
	p := newWithStore(t, Config{})
	down := func(*http.Request) (*http.Response, error) { return nil, errDown }
	p.idp = idp.NewProvider(idp.Config{Issuer: "https://idp.example", IDTokenAlg: "ES256", Now: p.cfg.Now,
		HTTP: &http.Client{Transport: transport(down)}, MaxCalls: 1, RequestTimeout: time.Second, Logger: p.log})
	plain, err := json.Marshal(kept{Read: p.Now(), Keys: json.RawMessage(`{"keys":[]}`), KeysRead: p.Now(),
		Metadata: &idp.Metadata{Issuer: "https://idp.example", AuthURL: "https://idp.example/authorize",
			TokenURL: "https://idp.example/token", JWKSURL: "https://idp.example/jwks"}})
	if err != nil {
		t.Fatal(err)
	}
	key := p.party.KeptKey()
	if err := p.kept.Create(t.Context(), store.Record{Key: key, Owner: key, Refs: []store.Key{key}, Begun: p.Now(),
		Active: p.Now(), Due: p.Now().Add(keptFor), Sealed: p.ring.Seal(plain, p.party.Bound(&key))}); err != nil {
		t.Fatal(err)
	}
	if err := p.meet(t.Context()); err != nil || p.HasMet() || p.idp.At() == nil ||
		p.idp.At().TokenURL != "https://idp.example/token" {
		t.Errorf("%v, %+v", err, p.idp.At())
	}
	if !p.said("the store's copy of the IdP's keys cannot be read") {
		t.Errorf("the log:\n%s", p.lines)
	}
}

type transport func(*http.Request) (*http.Response, error)

func (t transport) RoundTrip(r *http.Request) (*http.Response, error) { return t(r) }

// overtaken is a store in which somebody else ends a session right before this instance does.
type overtaken struct {
	store.Store
	end *store.End // nil: nobody does
}

func (s *overtaken) End(ctx context.Context, sel store.Selector, end store.End) ([]store.Record, error) {
	if s.end != nil {
		if _, err := s.Store.End(ctx, store.Selector{Key: sel.Key}, *s.end); err != nil {
			return nil, err
		}
	}
	return s.Store.End(ctx, sel, end)
}

// C8: if somebody else has ended the session whose token is refused, their reason counts, and this
// instance reports no end.
func TestRejectedTooLate(t *testing.T) {
	for name, between := range map[string]bool{"before it looks": false, "between its look and its end": true} {
		p := newWithStore(t, Config{})
		other := &overtaken{Store: p.kept.Store}
		p.kept.Store = other
		rec := p.live(t, 1, record.Data{})
		st, err := p.Load(t.Context(), rec.Key)
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		p.untold.handle = func(untold) { told++ }
		end := store.End{Reason: string(reason.Admin), At: p.Now(), Until: p.Now().Add(time.Hour)}
		if between {
			other.end = &end
		} else if _, err := p.kept.End(t.Context(), store.Selector{Key: rec.Key}, end); err != nil {
			t.Fatal(err)
		}
		_, err = p.Rejected(t.Context(), st, reason.RefreshRejected)
		p.work.Wait()
		if over := (*reason.EndedError)(nil); !errors.As(err, &over) || over.Reason != reason.Admin || told > 0 {
			t.Errorf("%s: %v, %d events", name, err, told)
		}
	}
}

// BCL-18: a change with a new sid is refused because that was logged out. If somebody else ends the
// session at that moment, their reason counts.
func TestHowEndedByOthers(t *testing.T) {
	for _, want := range []reason.Reason{reason.BackchannelLogout, reason.Admin} {
		p := newWithStore(t, Config{})
		other := &overtaken{Store: p.kept.Store}
		p.kept.Store = other
		rec := p.live(t, 1, record.Data{})
		if want == reason.Admin {
			other.end = &store.End{Reason: string(want), At: p.Now(), Until: p.Now().Add(time.Hour)}
		}
		var over *reason.EndedError
		if !errors.As(p.howEnded(t.Context(), rec.Key), &over) || over.Reason != want {
			t.Errorf("%v, want %s", over, want)
		}
	}
}

// An item stays on the agenda while anything is left to do: a timer, or activity that the store
// does not have yet.
func TestTidy(t *testing.T) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for name, row := range map[string]struct {
		item Item
		gone bool
	}{
		"nothing is left":        {Item{active: morning, stored: morning}, true},
		"a flush is planned":     {Item{active: morning, stored: morning, flush: timer}, false},
		"a signal is planned":    {Item{active: morning, stored: morning, trailing: timer}, false},
		"a flush is under way":   {Item{active: morning.Add(1), stored: morning}, false},
		"the store knows better": {Item{active: morning, stored: morning.Add(1)}, true},
	} {
		a, key := &newAgenda().shards[0], store.Key{}
		a.items[key] = &row.item
		a.tidy(key, &row.item)
		if _, there := a.items[key]; there == row.gone || row.item.gone != row.gone {
			t.Errorf("%s: on the agenda %v, marked as gone %v", name, there, row.item.gone)
		}
	}
}
