package simulation

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// A rolling update: an instance of a newer version has written a session's record in a layout
// that those of this version do not know. They answer 503 and leave it alone, the sweeper too,
// until a newer one serves it again, or writes it back.

// newerLayout is the version byte of a layout to come.
const newerLayout = 200

// rewriteNewer writes the record of a browser's session anew for a while.
func (w *world) rewriteNewer(a act) {
	b, app := w.people[a.Browser], w.apps[a.App]
	cookie := b.cookies(app, request{})[sessionCookie]
	if cookie == "" {
		return
	}
	key := store.Key(sha256.Sum256(append(app.owner[:len(app.owner):len(app.owner)], cookie...)))
	old := app.relayout(key, newerLayout)
	if old == 0 || old == newerLayout {
		return
	}
	t := &trouble{path: pathStore, of: app.alone(), tail: feltAfter,
		store: &storeSpoil{app: app.n, inst: -1, ops: opReplace},
		what:  "a newer version writes the record of " + app.nameOf(cookie)}
	w.oracle.trouble(t)
	w.oracle.count("records of a newer version")
	w.sleep(a.Every)
	app.relayout(key, old)
	w.oracle.over(t)
}

// relayout changes the version byte of a record and returns what it was; 0: there is none.
// It knows how records are sealed: AES-256-GCM under a key by HKDF, behind five bytes that say
// which key, and a nonce.
func (a *app) relayout(key store.Key, version byte) (old byte) {
	const head, nonce = 5, 12
	for range 10 {
		rec, err := a.w.store.Load(context.Background(), key)
		ended := errors.Is(err, store.ErrEnded)
		if err != nil && (!ended || len(rec.Sealed) == 0 || version == newerLayout) {
			return 0
		}
		bound := append(a.owner[:len(a.owner):len(a.owner)], key[:]...)
		for _, master := range *a.keys.Load() {
			derived, err := hkdf.Key(sha256.New, master, nil, "tandem record\x00"+string(a.owner[:]), 32)
			if err != nil {
				panic(err)
			}
			block, err := aes.NewCipher(derived)
			if err != nil {
				panic(err)
			}
			aead, err := cipher.NewGCM(block)
			if err != nil {
				panic(err)
			}
			plain, err := aead.Open(nil, rec.Sealed[head:head+nonce], rec.Sealed[head+nonce:], bound)
			if err != nil {
				continue
			}
			old, plain[0] = plain[0], version
			used := rec.Sealed[:head+nonce]
			rec.Sealed = aead.Seal(bytes.Clone(used), used[head:], plain, bound)
			if ended { // it is looked at again
				a.gate.note(time.Now())
				_ = a.w.store.Settle(context.Background(), key, rec.Sealed, time.Now())
				return old
			}
			if a.w.store.Replace(context.Background(), rec) == nil {
				for _, in := range a.inst {
					in.late.written(key)
				}
				return old
			}
		}
	}
	return 0
}
