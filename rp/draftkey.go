package rp

import (
	"crypto/hmac"
	"crypto/sha256"
	"net/http"

	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/internal/seal"
	"github.com/tandem-sso/tandem/rp/internal/web"
)

// drafts are what a page keeps of a form when its session ends.
type drafts struct {
	gate *gate
	keys Keys
}

// serve gives a page of a live session the keys of this person's drafts. When the session ends,
// session.js encrypts what was typed into forms marked data-tandem-keep with the first key.
// After the next log-in of the same person it decrypts that with any of the keys. Another
// person gets other keys. They say nothing about any other key and live as long as Config.Keys.
// It is passive.
func (d *drafts) serve(w http.ResponseWriter, r *http.Request) error {
	web.NoStore(w.Header())
	if !d.gate.site.Of(r).IsOwn(r.Header) || web.First(r.Header, "Sec-Fetch-Mode") == "navigate" {
		return ErrCrossOrigin
	}
	_, st, err := d.gate.enter(r.WithContext(activity.Mark(r.Context(), activity.Passive)))
	if err != nil {
		return err
	}
	keys, err := d.of(st.Data.Subject)
	if err != nil {
		return err
	}
	return web.WriteJSON(w, struct {
		Keys [][]byte `json:"keys"`
	}{keys})
}

func (d *drafts) of(subject string) ([][]byte, error) {
	var keys [][]byte
	for _, master := range d.keys {
		k, err := seal.Derive(master, "page drafts", d.gate.browsers.party.Owner[:], sha256.Size)
		if err != nil {
			return nil, err
		}
		mac := hmac.New(sha256.New, k)
		mac.Write([]byte(subject))
		keys = append(keys, mac.Sum(nil))
	}
	return keys, nil
}
