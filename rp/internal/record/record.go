// Package record is the binary layout of what a session remembers, before it is
// sealed. Decoding costs one allocation of the text and no reflection: JSON of
// the same 3 KB takes hundreds of times longer.
//
// Layout: a version byte; the number of texts and each with its length; the
// number of numbers and each as a varint, times in milliseconds since 1970. A
// reader skips what it does not know and leaves zero what is not there, so that
// two releases can share a store during a rolling upgrade: new fields go to the
// end of their list, and none is ever removed from it.
package record

import (
	"encoding/binary"
	"errors"
	"time"
	"unsafe"
)

const version = 1

// MaxSize bounds an encoded record in bytes.
const MaxSize = 60 << 10

var (
	// ErrMalformed is the answer to bytes that are no record.
	ErrMalformed = errors.New("record: malformed")
	// ErrVersion is the answer to a record in the layout of another version of Tandem.
	ErrVersion = errors.New("record: the layout is another version's")
)

// Data is what a session remembers.
type Data struct {
	Subject string
	SID     string // the IdP's session id; empty if it sends none
	OldSID  string // the one before, if a refresh changed it

	IDToken string // raw and latest: for id_token_hint, and for what it says
	Kept    string // what former ID tokens said and this one does not, JSON

	AccessToken  string
	TokenType    string
	RefreshToken string
	Scope        string // as granted

	Started   time.Time
	AuthTime  time.Time
	Signalled time.Time
	Confirmed time.Time
	TokenEnds time.Time // of the access token; zero: not told
	Ceiling   time.Time
	Window    time.Duration // W as learnt
	TokenLife time.Duration // of the access token as issued

	RefreshEnds time.Time // announced end of the refresh token; zero: not told
	Asked       time.Time // when the last silent log-in was begun
	// Doubted is one more than the generation whose refresh token was shown without a
	// usable answer: it may be spent. Zero: none.
	Doubted uint64
	Showing Showing // of the doubted one
	// Renew: the tokens are of no use any more, and nobody knows whether the session is
	// over: a silent log-in is to fetch others.
	Renew bool
	// UserinfoFits: the userinfo endpoint has accepted an access token of this session.
	UserinfoFits bool
	// SendsUser: the browser has sent Sec-Fetch-User, so it does at each navigation that
	// a person makes.
	SendsUser bool

	Told  time.Time // when the end was reported to Config.Events; of an ended session
	Tries uint64    // revocations that have failed since then

	// Generation counts refreshes: a rejected refresh token is judged only if
	// its generation is still the current one.
	Generation uint64

	// Renewed is the generation that has brought AccessToken, if a refresh has.
	Renewed uint64
	// APITokens are access tokens of APIs' own: see EncodeAPITokens.
	APITokens string

	Values string // the app's own values, encoded by the caller
	Wish   string // what its log-in asked for, encoded by the caller
	ACR    string // how the person was authenticated, by the last ID token that says so
	Agent  string // the browser's User-Agent at the log-in, cut off, for lists of sessions

	Userinfo string // what userinfo said, and no later ID token, JSON
	Nonce    string // of the log-in whose tokens these are

	// DPoPKey is what the tokens are bound to (package dpop); empty: to nothing. It lives as
	// long as they do, and every instance needs it.
	DPoPKey string

	// SessionState is session_state of the last answer of the authorization endpoint, where the
	// IdP has a check_session_iframe (OpenID Connect Session Management 1.0 §2).
	SessionState string
	// Changed: that frame has said so, and the IdP has not been asked since.
	Changed bool
	Changes uint64 // how often it has

	// Replaces are the keys of the sessions whose values this one has taken over, one after the
	// other, the latest first: sessions of the same browser and person.
	Replaces string
}

// Showing is what is known of those who have shown a doubted refresh token.
type Showing uint8

const (
	// NobodyHolds: who has shown it says that there is no answer.
	NobodyHolds Showing = iota
	// MayBeHeld: nobody has said so. Who has shown it may have new tokens which the store
	// does not take yet, may wait for the IdP, or may have died.
	MayBeHeld
	// ShownAgain: it was so, and somebody else has shown the token since.
	ShownAgain
	// NonePending: the IdP has answered all who have shown it, if anybody has. Otherwise it may
	// read a request when nobody waits for it any more.
	NonePending
)

// Fits reports whether it can be stored.
func (d *Data) Fits() bool { return len(d.Encode()) <= MaxSize }

// Encode returns the binary form.
func (d *Data) Encode() []byte {
	texts := d.strings()
	size := 256
	for _, s := range texts {
		size += len(*s)
	}
	b := append(make([]byte, 0, size), version)
	b = binary.AppendUvarint(b, uint64(len(texts)))
	for _, s := range texts {
		b = binary.AppendUvarint(b, uint64(len(*s)))
		b = append(b, *s...)
	}
	numbers := d.numbers()
	b = binary.AppendUvarint(b, uint64(len(numbers)))
	for _, v := range numbers {
		b = binary.AppendVarint(b, v)
	}
	return b
}

func (d *Data) strings() [19]*string {
	return [...]*string{&d.Subject, &d.SID, &d.OldSID, &d.IDToken, &d.Kept,
		&d.AccessToken, &d.TokenType, &d.RefreshToken, &d.Scope, &d.Values, &d.Agent, &d.Wish, &d.ACR, &d.Userinfo,
		&d.Nonce, &d.APITokens, &d.DPoPKey, &d.SessionState, &d.Replaces}
}

func (d *Data) numbers() [21]int64 {
	return [...]int64{ms(d.Started), ms(d.AuthTime), ms(d.Signalled), ms(d.Confirmed),
		ms(d.TokenEnds), ms(d.Ceiling), d.Window.Milliseconds(), d.TokenLife.Milliseconds(), int64(d.Generation),
		ms(d.Told), int64(d.Tries),
		ms(d.RefreshEnds), ms(d.Asked), int64(d.Doubted), flag(d.Renew), flag(d.UserinfoFits), flag(d.SendsUser),
		int64(d.Renewed), int64(d.Showing), flag(d.Changed), int64(d.Changes)}
}

// Decode reads what Encode wrote. It takes b over: the texts of the Data are parts
// of it, so nobody may write to it any more.
func Decode(b []byte) (*Data, error) {
	if len(b) == 0 {
		return nil, ErrMalformed
	}
	if b[0] != version {
		return nil, ErrVersion
	}
	r := reader{b: b, text: unsafe.String(&b[0], len(b)), at: 1}
	d := &Data{}
	texts := d.strings()
	for i := range r.length() {
		if s := r.string(); i < len(texts) {
			*texts[i] = s
		}
	}
	var v [21]int64
	for i := range r.length() {
		if n := r.number(); i < len(v) {
			v[i] = n
		}
	}
	if r.bad {
		return nil, ErrMalformed
	}
	d.Started, d.AuthTime, d.Signalled, d.Confirmed = instant(v[0]), instant(v[1]), instant(v[2]), instant(v[3])
	d.TokenEnds, d.Ceiling = instant(v[4]), instant(v[5])
	d.Window, d.TokenLife = time.Duration(v[6])*time.Millisecond, time.Duration(v[7])*time.Millisecond
	d.Generation, d.Told, d.Tries = uint64(v[8]), instant(v[9]), uint64(v[10])
	d.RefreshEnds, d.Asked, d.Doubted = instant(v[11]), instant(v[12]), uint64(v[13])
	d.Renew, d.UserinfoFits, d.SendsUser = v[14] != 0, v[15] != 0, v[16] != 0
	d.Renewed, d.Showing = uint64(v[17]), Showing(v[18])
	d.Changed, d.Changes = v[19] != 0, uint64(v[20])
	return d, nil
}

// reader reads until something does not fit; from then on it is bad.
type reader struct {
	b    []byte
	text string
	at   int
	bad  bool
}

// length reads how many bytes or fields follow; each takes a byte at least.
func (r *reader) length() int {
	n, size := binary.Uvarint(r.b[r.at:])
	if size <= 0 || n > uint64(len(r.b)-r.at-size) {
		r.bad = true
		return 0
	}
	r.at += size
	return int(n)
}

func (r *reader) string() string {
	n := r.length()
	s := r.text[r.at : r.at+n]
	r.at += n
	return s
}

func (r *reader) number() int64 {
	n, size := binary.Varint(r.b[r.at:])
	if size <= 0 {
		r.bad = true
		return 0
	}
	r.at += size
	return n
}

func ms(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func flag(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}

func instant(v int64) time.Time {
	if v == 0 {
		return time.Time{}
	}
	return time.UnixMilli(v).UTC()
}
