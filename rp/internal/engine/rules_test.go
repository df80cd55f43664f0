package engine

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/store"
)

// After a silent log-in that brought nothing the next one waits for δ. One that was answered does
// not count, nor does a clock that was set back.
func TestAskedLately(t *testing.T) {
	const every = 5 * time.Minute
	for name, row := range map[string]struct {
		data record.Data
		want bool
	}{
		"never":                {record.Data{}, false},
		"now":                  {record.Data{Asked: morning}, true},
		"within δ":             {record.Data{Asked: morning.Add(-4 * time.Minute)}, true},
		"before":               {record.Data{Asked: morning.Add(-6 * time.Minute)}, false},
		"by a clock ahead":     {record.Data{Asked: morning.Add(time.Hour)}, false},
		"the IdP said yes":     {record.Data{Asked: morning.Add(-time.Minute), Confirmed: morning}, false},
		"at that moment":       {record.Data{Asked: morning, Confirmed: morning}, false},
		"but it brought none":  {record.Data{Asked: morning.Add(-time.Minute), Confirmed: morning, Renew: true}, true},
		"confirmed before":     {record.Data{Asked: morning, Confirmed: morning.Add(-time.Minute)}, true},
		"and before that, too": {record.Data{Asked: morning.Add(-6 * time.Minute), Renew: true}, false},
	} {
		p := newWithStore(t, Config{Kind: NoToken, SilentCheck: true, SignalEvery: every,
			Now: func() time.Time { return morning }})
		if got := p.askedLately(&State{Data: &row.data}); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// RT-11: a record that is too large loses the tokens of APIs, which can be fetched again, and
// nothing else.
func TestSealedMakesRoom(t *testing.T) {
	p := newWithStore(t, Config{})
	seal := func(d record.Data) (*record.Data, error) {
		rec, err := p.sealed(store.Record{Key: numbered(1)}, &d)
		if err != nil {
			return nil, err
		}
		return p.Unseal(&rec)
	}
	full := record.Data{APITokens: "api"}
	full.Values = strings.Repeat("v", record.MaxSize-len(full.Encode())-2) // its length takes two bytes more
	if len(full.Encode()) != record.MaxSize {
		t.Fatalf("%d bytes", len(full.Encode()))
	}
	if d, err := seal(full); err != nil || *d != full {
		t.Errorf("there is room for it: %v", err)
	}
	large := full
	large.APITokens += "s"
	if d, err := seal(large); err != nil || d.APITokens != "" || d.Values != large.Values {
		t.Errorf("there is room without its tokens of APIs: %v", err)
	}
	large.Values += "more"
	if _, err := seal(large); !errors.Is(err, ErrNoRoom) {
		t.Errorf("there is no room: %v", err)
	}
}

// What the Store keeps of the IdP: metadata and keys count for 24 hours, each for itself.
func TestReadKept(t *testing.T) {
	p := newWithStore(t, Config{Now: func() time.Time { return morning }})
	if _, version, err := p.readKept(t.Context()); !errors.Is(err, store.ErrNotFound) || version != 0 {
		t.Errorf("there is nothing: version %d, %v", version, err)
	}
	key := p.party.KeptKey()
	keep := func(plain []byte) {
		rec := store.Record{Key: key, Owner: key, Refs: []store.Key{key}, Begun: morning, Active: morning,
			Due: morning.Add(keptFor), Sealed: p.ring.Seal(plain, p.party.Bound(&key))}
		err := p.kept.Create(t.Context(), rec)
		if old, _ := p.kept.Load(t.Context(), key); err != nil {
			rec.Version = old.Version
			err = p.kept.Replace(t.Context(), rec)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, row := range []struct {
		read, keysRead time.Duration // ago
		metadata, keys bool
	}{
		{time.Hour, 2 * time.Hour, true, true}, {time.Hour, keptFor, true, false}, {time.Hour, -time.Hour, true, false},
		{keptFor, time.Hour, false, false},
	} {
		plain, err := json.Marshal(kept{Metadata: &idp.Metadata{Issuer: "https://idp.example"},
			Read: morning.Add(-row.read), Keys: json.RawMessage(`{"keys":[]}`), KeysRead: morning.Add(-row.keysRead)})
		if err != nil {
			t.Fatal(err)
		}
		keep(plain)
		k, version, err := p.readKept(t.Context())
		if err != nil || (k.Metadata != nil) != row.metadata || (len(k.Keys) > 0) != row.keys ||
			version != uint64(i+1) {
			t.Errorf("%+v: %+v, version %d, %v", row, k, version, err)
		}
	}
	keep([]byte("{"))
	if k, version, err := p.readKept(t.Context()); err == nil || k.Metadata != nil || version != 5 {
		t.Errorf("it cannot be read: %+v, version %d", k, version)
	}
}

// C8: whoever watches hears of an end that nobody has reported, also of a record that is gone. What
// the store does not tell is asked again, while somebody watches.
func TestLookOnce(t *testing.T) {
	p := newWithStore(t, Config{})
	over, lives, gone := p.live(t, 1, record.Data{}).Key, p.live(t, 2, record.Data{}).Key, numbered(3)
	if _, err := p.kept.End(t.Context(), store.Selector{Key: over}, store.End{Reason: "admin", At: p.Now(),
		Until: p.Now().Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	keys := []store.Key{over, lives, gone}
	topics := map[store.Key]*Topic{}
	for _, key := range keys {
		topics[key] = p.hub.subscribe(key)
	}
	p.kept.fails(errDown)
	if left := p.lookOnce(t.Context(), append(keys, numbered(4))); len(left) != 3 || closed(topics[gone].Done) {
		t.Errorf("%d are left to look at", len(left))
	}
	p.kept.fails(nil)
	change := topics[lives].Change()
	if left := p.lookOnce(t.Context(), keys); len(left) != 0 {
		t.Errorf("%d are left", len(left))
	}
	for key, want := range map[store.Key]string{over: "admin", lives: "", gone: string(reason.Unconfirmed)} {
		if got := topics[key]; got.Why() != want || closed(got.Done) != (want != "") {
			t.Errorf("%v has ended by %q, want %q", key[:2], got.Why(), want)
		}
	}
	if !closed(change) {
		t.Error("a change that nobody has reported is told")
	}
}

// C2: a change that brings the end nearer, as an IdP's answer may, brings the sweeper earlier.
func TestCommitMovesDue(t *testing.T) {
	p := newWithStore(t, Config{Kind: NoToken, Idle: 4 * time.Hour, Now: func() time.Time { return morning }})
	rec := p.live(t, 1, record.Data{Started: morning})
	st, err := p.Load(t.Context(), rec.Key)
	if err == nil {
		_, err = p.Commit(t.Context(), st, func(d *record.Data) bool {
			d.Ceiling = morning.Add(10 * time.Minute)
			return true
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	if now, err := p.kept.Load(t.Context(), rec.Key); err != nil || now.Due.After(morning.Add(11*time.Minute)) ||
		now.Due.Before(morning.Add(10*time.Minute)) {
		t.Errorf("the sweeper looks at %v (%v)", now.Due, err)
	}
}

// C8: an end that came between a handler's look at the session and its call of Session.Done is heard.
func TestWhenEndedAlready(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newWithStore(t, Config{})
		over, lives := p.live(t, 1, record.Data{}).Key, p.live(t, 2, record.Data{}).Key
		end := store.End{Reason: "admin", At: p.Now(), Until: p.Now().Add(time.Hour)}
		if _, err := p.kept.End(t.Context(), store.Selector{Key: over}, end); err != nil {
			t.Fatal(err)
		}
		done, other := p.WhenEnded(over), p.WhenEnded(lives)
		synctest.Wait()
		if !closed(done) || closed(other) {
			t.Errorf("the one that is over: %v, the other: %v", closed(done), closed(other))
		}
	})
}

// Whoever may not call the IdP is told so at once, and when to come again: while one call tries
// whether the IdP answers, and while this instance closes.
func TestFlyWithoutACall(t *testing.T) {
	for name, row := range map[string]struct {
		prepare func(*withStore)
		again   time.Duration
	}{
		"another call tries": {func(p *withStore) { p.flights.timeouts, p.flights.trying = timeoutsToOpen, true },
			5 * time.Second},
		"closing": {func(p *withStore) { p.stop() }, time.Second},
	} {
		synctest.Test(t, func(t *testing.T) {
			p := newWithStore(t, Config{WaitFor: time.Minute})
			row.prepare(p)
			began := time.Now()
			_, err := p.Fly(t.Context(), numbered(1), Errand{}, func(*record.Data) bool { return false })
			var trouble *reason.UnavailableError
			if !errors.As(err, &trouble) || trouble.RetryAfter != row.again || time.Since(began) > 0 {
				t.Errorf("%s: %v after %v", name, err, time.Since(began))
			}
			if p.flights.underWay(numbered(1)) || p.flights.trying != (name == "another call tries") {
				t.Errorf("%s: a call is under way", name)
			}
		})
	}
}

// What a revocation of an ended session's tokens could hit: a session of the same IdP session,
// also of the one that it had before, another one of the person, or nobody.
func TestBesides(t *testing.T) {
	ada := func(sid string) record.Data { return record.Data{Subject: "ada", SID: sid} }
	moved := record.Data{Subject: "ada", SID: "1", OldSID: "0"}
	for name, row := range map[string]struct {
		ended record.Data
		live  []record.Data
		want  neighbour
	}{
		"alone":                  {ada("1"), nil, nobody},
		"another person":         {ada("1"), []record.Data{{Subject: "bob", SID: "1"}}, nobody},
		"the same sid":           {ada("1"), []record.Data{ada("1")}, sameIdPSession},
		"another sid":            {ada("1"), []record.Data{ada("2")}, samePerson},
		"its former sid":         {moved, []record.Data{ada("0")}, sameIdPSession},
		"one that knows no sid":  {ada("1"), []record.Data{ada("")}, sameIdPSession},
		"it knows no sid itself": {ada(""), []record.Data{ada("2")}, sameIdPSession},
		"several":                {ada("1"), []record.Data{ada("2"), ada("1")}, sameIdPSession},
	} {
		p := newWithStore(t, Config{})
		for n, d := range row.live {
			p.live(t, n, d)
		}
		if got, err := p.besides(t.Context(), &row.ended); err != nil || got != row.want {
			t.Errorf("%s: %d, want %d (%v)", name, got, row.want, err)
		}
		p.kept.fails(errDown)
		if _, err := p.besides(t.Context(), &row.ended); err == nil {
			t.Errorf("%s: the store has not said", name)
		}
	}
}

// C7: a token is fetched for somebody who was active lately, unless the call tells the IdP
// nothing. Without a refresh token that call is userinfo.
func TestMayFetch(t *testing.T) {
	extends := func(refresh, userinfo bool) (c idps.Capabilities) {
		c.Extends.Refresh, c.Extends.Userinfo = refresh, userinfo
		return c
	}
	for name, row := range map[string]struct {
		can     idps.Capabilities
		refresh string
		want    bool
	}{
		"a refresh extends":            {extends(true, false), "r", false},
		"a refresh does not":           {extends(false, true), "r", true},
		"there is userinfo alone":      {extends(true, true), "", false},
		"userinfo alone, extends not":  {extends(true, false), "", true},
		"userinfo alone extends":       {extends(false, true), "", false},
		"neither of them extends, nor": {extends(false, false), "", true},
	} {
		p := newWithStore(t, Config{Capabilities: row.can, Now: func() time.Time { return morning },
			WaitFor: time.Second, SignalEvery: time.Minute, TrustFor: time.Minute})
		rec := p.live(t, 1, record.Data{RefreshToken: row.refresh})
		st := &State{Rec: rec, Data: &record.Data{RefreshToken: row.refresh}}
		if err := p.MayFetch(t.Context(), st); err != nil {
			t.Errorf("%s: somebody is active: %v", name, err)
		}
		p.cfg.Now = func() time.Time { return morning.Add(24 * time.Hour) }
		err := p.MayFetch(t.Context(), st)
		if got := err == nil; got != row.want || err != nil && !errors.Is(err, ErrNoAccessToken) {
			t.Errorf("%s: nobody is active: %v", name, err)
		}
	}
}

// The end that contradicts Config.Capabilities is found where the window is known, also if only the
// IdP has said it.
func TestNoteEnd(t *testing.T) {
	for name, row := range map[string]struct {
		configured, learnt time.Duration
		refresh            string
		want               bool
	}{
		"configured": {15 * time.Minute, 0, "r", true}, "learnt": {0, 15 * time.Minute, "r", true},
		"the configured one counts": {10 * time.Hour, 15 * time.Minute, "r", false}, "not known": {0, 0, "r", false},
		"no call was to extend it": {15 * time.Minute, 0, "", false},
	} {
		c := Config{IdPWindow: row.configured, Now: func() time.Time { return morning }}
		c.Capabilities.Extends.Refresh = true
		p := newWithStore(t, c)
		p.NoteEnd(&record.Data{RefreshToken: row.refresh, Window: row.learnt, Started: morning.Add(-15 * time.Minute),
			Signalled: morning.Add(-3 * time.Minute)})
		if got := len(p.Known()) > 0; got != row.want || got && p.Known()[0].Code != "signal_extends_not" {
			t.Errorf("%s: %v", name, p.Known())
		}
	}
}

// A record that this instance cannot read makes it leave the next turn to others; one that it can
// read does not. What fails is told, unless this instance is closing.
func TestSweepOnce(t *testing.T) {
	now := morning
	p := newWithStore(t, Config{Kind: NoToken, Idle: 4 * time.Hour, Now: func() time.Time { return now }})
	p.live(t, 1, record.Data{Started: morning})
	now = morning.Add(2 * time.Hour)
	if p.sweepOnce(t.Context()) {
		t.Error("it can read that record")
	}
	rec := p.live(t, 2, record.Data{Started: now})
	rec.Sealed = []byte("by another key")
	if err := p.kept.Replace(t.Context(), rec); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour)
	if !p.sweepOnce(t.Context()) {
		t.Error("it cannot read that record")
	}
	const line = "the search for expired sessions failed"
	p.kept.fails(errDown)
	if p.sweepOnce(t.Context()) || !p.said(line) {
		t.Errorf("the log:\n%s", p.lines)
	}
	p.lines.Reset()
	p.kept.closes = p.stop
	if p.sweepOnce(p.ctx) || p.said(line) {
		t.Errorf("it is closing; the log:\n%s", p.lines)
	}
}
