// Package seal encrypts what leaves the process: records and log-in cookies.
//
// AES-256-GCM with a random 96-bit nonce per message under keys derived with
// HKDF-SHA-256. A ring has one key that seals, its first, and any number that
// open, so that a key can be rolled without logging anybody out.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// KeySize is the length of a master key in bytes.
const KeySize = 32

// ErrOpen is the answer to everything that cannot be opened: cut off, tampered
// with, sealed for another purpose, or by a key that is not in the ring.
var ErrOpen = errors.New("seal: cannot be opened with any key of the ring")

const (
	format   = 1 // first byte of a sealed message
	idSize   = 4 // bytes that say which key sealed it
	nonceLen = 12
	overhead = 1 + idSize + nonceLen + 16
)

// Ring seals with its first key and opens with all.
type Ring struct{ keys []key }

type key struct {
	id   [idSize]byte
	aead cipher.AEAD
}

// NewRing derives the keys for one purpose of one owner. Different purposes, and
// different owners, never open each other's messages.
func NewRing(purpose string, owner []byte, masters ...[]byte) (*Ring, error) {
	if len(masters) == 0 {
		return nil, errors.New("seal: no key")
	}
	r := &Ring{}
	for i, m := range masters {
		k, err := Derive(m, purpose, owner, 32)
		if err != nil {
			return nil, fmt.Errorf("seal: key %d: %w", i+1, err)
		}
		block, err := aes.NewCipher(k)
		if err != nil {
			return nil, err
		}
		aead, err := cipher.NewGCM(block)
		if err != nil {
			return nil, err
		}
		id, err := Derive(m, purpose+" id", owner, idSize)
		if err != nil {
			return nil, err
		}
		r.keys = append(r.keys, key{id: [idSize]byte(id), aead: aead})
	}
	return r, nil
}

// Derive returns n bytes for a purpose of an owner from a master key (HKDF, RFC
// 5869). No purpose contains a zero byte.
func Derive(master []byte, purpose string, owner []byte, n int) ([]byte, error) {
	if len(master) != KeySize {
		return nil, fmt.Errorf("has %d bytes, needs %d", len(master), KeySize)
	}
	return hkdf.Key(sha256.New, master, nil, "tandem "+purpose+"\x00"+string(owner), n)
}

// Seal encrypts plain; the same context must be given to Open.
func (r *Ring) Seal(plain, context []byte) []byte {
	k := r.keys[0]
	out := make([]byte, 1+idSize+nonceLen, overhead+len(plain))
	out[0] = format
	copy(out[1:], k.id[:])
	nonce := out[1+idSize : 1+idSize+nonceLen]
	_, _ = rand.Read(nonce) // crypto/rand never fails: it ends the process instead
	return k.aead.Seal(out, nonce, plain, context)
}

// Open decrypts what Seal has made. Every failure is ErrOpen.
func (r *Ring) Open(sealed, context []byte) ([]byte, error) {
	if len(sealed) < overhead || sealed[0] != format {
		return nil, ErrOpen
	}
	id := [idSize]byte(sealed[1:])
	nonce := sealed[1+idSize : 1+idSize+nonceLen]
	for _, k := range r.keys {
		if k.id != id {
			continue
		}
		plain, err := k.aead.Open(nil, nonce, sealed[1+idSize+nonceLen:], context)
		if err == nil {
			return plain, nil
		}
	}
	return nil, ErrOpen
}
