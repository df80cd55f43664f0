package loginflow

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/site"
)

const (
	// MaxWish bounds a wish in bytes: it must fit into an address and a cookie.
	MaxWish = 1 << 10
	// MaxAsked bounds a wish together with the page that the log-in leads to.
	MaxAsked = site.MaxReturnTo + 256
)

// Wish has the demands of one log-in: what its options and its address ask for. It is encrypted in
// the address of the log-in and in the log-in's cookie.
type Wish struct {
	ACR    []string          `json:"acr,omitempty"`
	Age    time.Duration     `json:"age,omitempty"` // 0: any
	Scopes []string          `json:"scopes,omitempty"`
	Params map[string]string `json:"params,omitempty"`
	Round  int               `json:"round,omitempty"` // how many log-ins in a row have asked for more
}

// SetAge demands that the person has authenticated within d. Less than a minute counts as a minute:
// otherwise the answer would be too old when it arrives.
func (w *Wish) SetAge(d time.Duration) { w.Age = max(d, time.Minute) }

// SetAgeText is SetAge for a max_age from outside. It ignores a text that is not a number of
// seconds.
func (w *Wish) SetAgeText(seconds string) {
	if n, err := strconv.Atoi(seconds); err == nil && n >= 0 && n < 1<<30 {
		w.SetAge(time.Duration(n) * time.Second)
	}
}

// SetParam adds a parameter.
func (w *Wish) SetParam(name, value string) {
	if w.Params == nil {
		w.Params = map[string]string{}
	}
	w.Params[name] = value
}

// AddFrom adds the parameters with these names from the address of a log-in.
func (w *Wish) AddFrom(q url.Values, names []string) {
	for _, name := range names {
		value := q.Get(name)
		if value == "" || len(value) > MaxWish {
			continue
		}
		switch name {
		case "acr_values":
			w.ACR = append(w.ACR, strings.Fields(value)...)
		case "max_age":
			w.SetAgeText(value)
		default:
			w.SetParam(name, value)
		}
	}
}

// IsEmpty reports whether the wish has no demand.
func (w *Wish) IsEmpty() bool {
	return len(w.ACR) == 0 && w.Age == 0 && len(w.Scopes) == 0 && len(w.Params) == 0 && w.Round == 0
}

// Text is the form of a wish in a cookie; empty if it has no demand.
func (w *Wish) Text() string {
	if w.IsEmpty() {
		return ""
	}
	b, _ := json.Marshal(w) // strings and numbers only
	return string(b)
}

// ReadWish reads Text.
func ReadWish(text string) (w Wish, ok bool) {
	return w, text == "" || json.Unmarshal([]byte(text), &w) == nil
}

// MetBy reports whether a session, or a log-in, meets the demands.
func (w *Wish) MetBy(acr string, authenticated, now time.Time, skew time.Duration) bool {
	if len(w.ACR) > 0 && !slices.Contains(w.ACR, acr) {
		return false
	}
	return w.Age == 0 || !authenticated.IsZero() && !now.After(authenticated.Add(w.Age+skew))
}

// More returns a wish as a part of the address of a log-in, from "&" on; empty if it has no demand.
// ok is false if it is too large.
func (l *Logins) More(w Wish) (more string, ok bool) {
	if w.IsEmpty() {
		return "", true
	}
	plain, err := json.Marshal(w)
	if err != nil || len(plain) > MaxWish {
		return "&wish=", false
	}
	return "&wish=" + base64.RawURLEncoding.EncodeToString(l.ring.Seal(plain, l.wishes())), true
}

// OpenWish reads a value that More has made. Any other value gives an empty Wish. A person who
// passes such an address on gives no rights away, because a route checks each session itself.
func (l *Logins) OpenWish(sealed string) (w Wish) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil || len(raw) > 2*MaxWish {
		return Wish{}
	}
	plain, err := l.ring.Open(raw, l.wishes())
	if err != nil || json.Unmarshal(plain, &w) != nil {
		return Wish{}
	}
	return w
}

// wishes is the additional data of an encrypted wish: nothing else of this client can be decrypted
// as a wish, and no wish of another client.
func (l *Logins) wishes() []byte { return append(l.owner[:len(l.owner):len(l.owner)], "wish"...) }
