package engine

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/internal/idtoken"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/reason"
)

// Who is shutting down shows no refresh token, and leaves no doubt about one.
func TestNoDoubtOfWhoIsClosing(t *testing.T) {
	p := newWithStore(t, Config{})
	st, err := p.Open(p.live(t, 1, record.Data{Subject: "ada", RefreshToken: "r"}))
	if err != nil {
		t.Fatal(err)
	}
	p.stop()
	_, err = p.refresh(t.Context(), st, nil, nil)
	if busy := (*reason.UnavailableError)(nil); !errors.As(err, &busy) || busy.Cause != reason.Busy {
		t.Errorf("%v", err)
	}
	if st, err = p.Load(t.Context(), st.Rec.Key); err != nil || doubted(st.Data) {
		t.Errorf("%+v, %v", st.Data, err)
	}
}

// RT-08: what became of one request changes nothing in the doubt about a later token, nor about one
// that others have shown since. A store that does not take it leaves the doubt, and that is told.
func TestUndoubt(t *testing.T) {
	for name, row := range map[string]struct {
		stored record.Data
		seen   uint64 // the generation of the request
		doubt  bool   // that stays
	}{
		"its own":                  {record.Data{Generation: 4, Doubted: 5, Showing: record.MayBeHeld}, 4, false},
		"a later token's":          {record.Data{Generation: 4, Doubted: 5, Showing: record.MayBeHeld}, 3, true},
		"others have shown it":     {record.Data{Generation: 4, Doubted: 5, Showing: record.ShownAgain}, 4, true},
		"nobody holds new tokens":  {record.Data{Generation: 4, Doubted: 5, Showing: record.NobodyHolds}, 4, true},
		"of a token of long ago":   {record.Data{Generation: 4, Doubted: 4, Showing: record.MayBeHeld}, 4, false},
		"the next one's, as to be": {record.Data{Generation: 4, Doubted: 6, Showing: record.MayBeHeld}, 4, false},
	} {
		p := newWithStore(t, Config{})
		row.stored.Subject = "ada"
		st, err := p.Open(p.live(t, 1, row.stored))
		if err != nil {
			t.Fatal(err)
		}
		sent := *st.Data
		sent.Generation = row.seen
		p.undoubt(t.Context(), &State{st.Rec, &sent, st.Stored}, false, false)
		now, err := p.Load(t.Context(), st.Rec.Key)
		if err != nil || doubted(now.Data) != row.doubt {
			t.Errorf("%s: %+v, %v", name, now.Data, err)
		}
	}
	p := newWithStore(t, Config{})
	st, err := p.Open(p.live(t, 1, record.Data{Subject: "ada", Doubted: 1, Showing: record.MayBeHeld}))
	if err != nil {
		t.Fatal(err)
	}
	p.kept.fails(errors.New("read only"))
	if next := p.undoubt(t.Context(), st, false, false); next != st {
		t.Errorf("%+v", next)
	}
	if !p.said("the outcome of a refresh could not be stored") {
		t.Errorf("the log: %s", p.lines)
	}
}

// RT-11: where an ID token has grown, the tokens of APIs make room for it. If that is not enough, it
// is left out. The refresh token is kept in any case.
func TestTakeTokensMakesRoom(t *testing.T) {
	const apis, told = 6_000, "too large for the session"
	for name, row := range map[string]struct {
		left  int // room in the record, in bytes
		grown int // the new ID token is so long; 0: there is none
		apis  bool
		id    bool
		told  bool
	}{
		"there is room":              {6_000, 5_000, true, true, false},
		"without the tokens of APIs": {2_000, 5_000, false, true, false},
		"without the ID token":       {100, 8_000, true, false, true},
		"no ID token":                {-7_000, 0, false, false, false},
	} {
		p := newWithStore(t, Config{})
		d := record.Data{Subject: "ada", IDToken: idToken(`{"sub":"ada"}`), RefreshToken: "r0",
			APITokens: strings.Repeat("a", apis)}
		d.Values = strings.Repeat("v", record.MaxSize-len(d.Encode())-row.left)
		got := &Tokens{refresh: "r1"}
		if row.grown > 0 {
			got.ID = &idtoken.Claims{Subject: "ada"}
			got.rawID = idToken(`{"sub":"ada","x":"` + strings.Repeat("i", row.grown*3/4) + `"}`)
		}
		p.TakeTokens(numbered(1), &d, got, nil)
		if d.RefreshToken != "r1" || (d.APITokens != "") != row.apis || (d.IDToken == got.rawID) != row.id ||
			p.said(told) != row.told {
			t.Errorf("%s: tokens of APIs %v, ID token %v, told %v, refresh token %s", name, d.APITokens != "",
				d.IDToken == got.rawID, p.said(told), d.RefreshToken)
		}
	}
}

// An ID token that comes beside the token of an API may say less: what the others said stays.
func TestTakeTokensOfAnAPIKeepsClaims(t *testing.T) {
	p := newWithStore(t, Config{ForgetClaims: true})
	d := record.Data{Subject: "ada", IDToken: idToken(`{"sub":"ada","groups":["a"]}`)}
	got := &Tokens{ID: &idtoken.Claims{Subject: "ada"}, rawID: idToken(`{"sub":"ada"}`), forget: true}
	p.TakeTokens(numbered(1), &d, got, &Audience{ID: "https://api.example"})
	if d.IDToken != got.rawID || !strings.Contains(d.Kept, `"groups"`) {
		t.Errorf("%+v", d)
	}
}

// idToken is one with these claims, unsigned.
func idToken(claims string) string {
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".sig"
}

// BCL-20: what was not said of the granted scope is what was asked for (RFC 6749 §5.1).
func TestOffline(t *testing.T) {
	for name, row := range map[string]struct {
		granted string
		asked   []string
		cause   reason.Reason
		want    bool
	}{
		"granted":                    {"openid offline_access", []string{"openid"}, reason.BackchannelLogout, true},
		"not granted":                {"openid", []string{"openid", "offline_access"}, reason.BackchannelLogout, false},
		"nothing said":               {"", []string{"openid", "offline_access"}, reason.FrontchannelLogout, true},
		"nothing said, nor asked":    {"", []string{"openid"}, reason.FrontchannelLogout, false},
		"the person has logged out":  {"offline_access", nil, reason.UserLogout, false},
		"a part of the word is none": {"offline_access_not", nil, reason.BackchannelLogout, false},
	} {
		p := newWithStore(t, Config{Scopes: row.asked, Capabilities: idps.Capabilities{}})
		if got := p.offline(&record.Data{Scope: row.granted}, row.cause); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
