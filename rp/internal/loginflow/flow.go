package loginflow

import (
	"time"

	"github.com/gorilla/sessions"
)

// Flow is one log-in that is not finished yet.
type Flow struct {
	State, Nonce, Verifier string
	Mode                   string // the response_mode of its request
	DPoP                   string // the key to which the tokens will be bound (package dpop)
	RedirectURI            string // under the name that the browser uses; not in the cookie, which belongs to that name
	ReturnTo               string
	Begun                  time.Time
	Back                   time.Time // the browser came back with the code
	SessionState           string    // from that answer, for the IdP's check_session_iframe
	Silent                 bool
	SentUser               bool   // the browser said that a person started it (Sec-Fetch-User)
	Again                  bool   // it was started because another log-in could not be finished
	Wish                   Wish   // the demands of this log-in
	About                  string // the name of the session that a silent log-in asks about
	Renews                 uint64 // the next generation of its tokens, if this log-in fetches it
}

// Target returns where the log-in leads.
func (f *Flow) Target() Target { return Target{f.ReturnTo, f.Again, f.Wish} }

func (f *Flow) save(s *sessions.Session) {
	s.Values = map[any]any{
		"state": f.State, "nonce": f.Nonce, "verifier": f.Verifier,
		"return_to": f.ReturnTo, "begun": f.Begun.UnixMilli(), "silent": f.Silent, "about": f.About, "again": f.Again,
		"renews": f.Renews, "wish": f.Wish.Text(), "sent_user": f.SentUser, "dpop": f.DPoP,
		"mode": f.Mode,
	}
}

func (f *Flow) load(s *sessions.Session) bool {
	var ok [7]bool
	var begun int64
	f.State, ok[0] = s.Values["state"].(string)
	f.Nonce, ok[1] = s.Values["nonce"].(string)
	f.Verifier, ok[2] = s.Values["verifier"].(string)
	f.ReturnTo, ok[3] = s.Values["return_to"].(string)
	begun, ok[4] = s.Values["begun"].(int64)
	f.Silent, ok[5] = s.Values["silent"].(bool)
	f.Mode, ok[6] = s.Values["mode"].(string)
	f.Begun = time.UnixMilli(begun).UTC()
	f.About, _ = s.Values["about"].(string) // "" in a cookie of an earlier version
	f.Again, _ = s.Values["again"].(bool)
	f.Renews, _ = s.Values["renews"].(uint64) // 0 there
	f.SentUser, _ = s.Values["sent_user"].(bool)
	f.DPoP, _ = s.Values["dpop"].(string)
	text, _ := s.Values["wish"].(string)
	var whole bool
	f.Wish, whole = ReadWish(text)
	return whole && ok == [7]bool{true, true, true, true, true, true, true} && f.State != "" && f.Nonce != "" &&
		f.Verifier != ""
}
