package rp

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"

	"github.com/tandem-sso/tandem/rp/internal/endsession"
	"github.com/tandem-sso/tandem/rp/internal/page"
	"github.com/tandem-sso/tandem/rp/internal/web"
	"github.com/tandem-sso/tandem/rp/store"
)

const proofField = "tandem_proof"

// proof is what only a page that this app has shown to this browser can send back.
func (l *logouts) proof(i int, key store.Key) string {
	mac := hmac.New(sha256.New, l.browsers.party.Refs[i])
	mac.Write([]byte("logout"))
	mac.Write(key[:])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// proves reports whether a form of unknown origin carries this session's proof. If not, it
// shows a form that does, and the person presses the button once more.
func (l *logouts) proves(w http.ResponseWriter, r *http.Request) (bool, error) {
	key, ok := l.browsers.key(r.Header)
	if !ok {
		return true, nil // nobody is logged out by it
	}
	everywhere, err := wantsEverywhere(w, r)
	if err != nil {
		return false, err
	}
	for i := range l.browsers.party.Refs {
		if hmac.Equal([]byte(r.PostForm.Get(proofField)), []byte(l.proof(i, key))) {
			return true, nil
		}
	}
	if !web.KindOf(r).IsPage() {
		return false, ErrCrossOrigin
	}
	fields := url.Values{proofField: {l.proof(0, key)}}
	if everywhere {
		fields.Set("everywhere", "1")
	}
	for _, name := range l.atIdP.Form {
		if value := r.PostForm.Get(name); value != "" && len(value) <= endsession.MaxWord {
			fields.Set(name, value)
		}
	}
	return false, l.pages.Write(w, r, page.Page{Title: "logout-question-title", Advice: []page.Word{"logout-question"},
		Form: &page.Form{Action: l.site.Endpoint("/logout"), Fields: fields, Button: "to-logout"}})
}
