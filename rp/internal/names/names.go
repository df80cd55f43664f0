// Package names makes every name that a Store sees: of sessions, references, leases and once-ids.
// Each is bound to the client, so that clients which share a Store never meet (C9).
package names

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"

	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/record"
	"github.com/tandem-sso/tandem/rp/internal/seal"
	"github.com/tandem-sso/tandem/rp/store"
)

// Party is one client of one IdP, as a Store knows it. Every name that a Store
// sees comes from here and is bound to (issuer, client_id): clients that share a
// Store and keys never meet (C9).
type Party struct {
	Owner store.Key
	Refs  [][]byte // secrets for references, one for each of Config.Keys
}

func New(issuer, clientID string, keys [][]byte) (*Party, error) {
	p := &Party{Owner: Hash("owner", issuer, clientID)}
	for _, master := range keys {
		k, err := seal.Derive(master, "references", p.Owner[:], sha256.Size)
		if err != nil {
			return nil, err
		}
		p.Refs = append(p.Refs, k)
	}
	return p, nil
}

// Session is the key of the session with that cookie. It needs none of
// Config.Keys, and neither do leases and once-ids: instances that roll their keys
// meet all the same.
func (p *Party) Session(id *cookie.ID) store.Key {
	var b [len(p.Owner) + cookie.IDLen]byte
	copy(b[:], p.Owner[:])
	copy(b[len(p.Owner):], id[:])
	return sha256.Sum256(b[:])
}

// Once is the name of something that may be shown once.
func (p *Party) Once(kind, id string) store.Key { return Hash("once", string(p.Owner[:]), kind, id) }

// LeaseID is the name of a lease. k is bound to the client already.
func LeaseID(kind string, k store.Key) store.Key { return Hash("lease", kind, string(k[:])) }

// Under returns what a session of that subject or sid may be indexed under: one
// reference for each of Config.Keys, first the one that is written now. A plain
// hash would not hide a subject: there are too few of them.
func (p *Party) Under(kind refKind, value string) []store.Key {
	out := make([]store.Key, len(p.Refs))
	for i := range p.Refs {
		out[i] = p.Ref(i, kind, value)
	}
	return out
}

func (p *Party) Ref(i int, kind refKind, value string) store.Key {
	mac := hmac.New(sha256.New, p.Refs[i])
	mac.Write([]byte{byte(kind)})
	mac.Write([]byte(value))
	return store.Key(mac.Sum(nil))
}

type refKind byte

const (
	BySubject refKind = 1 + iota
	BySID
	BySubjectAlone // the same as bySubject, of a session that knows no sid
)

// RefsOf are what back-channel logout finds a session by. The sid before a change
// stays an alias: a logout token that was on its way may still carry it.
func (p *Party) RefsOf(d *record.Data) []store.Key { return p.refsBy(0, d) }

// RefsAtBegin are those of a new session, by each of Config.Keys: a log-out that came
// during the log-in has left its tombstones under the keys of that moment, whose first
// one may be another one now. The first commit leaves those of the first key.
func (p *Party) RefsAtBegin(d *record.Data) (out []store.Key) {
	for i := range p.Refs {
		if refs := p.refsBy(i, d); len(out)+len(refs) <= store.MaxRefs {
			out = append(out, refs...)
		}
	}
	return out
}

func (p *Party) refsBy(i int, d *record.Data) []store.Key {
	out := []store.Key{p.Ref(i, BySubject, d.Subject)}
	if d.SID == "" && d.OldSID == "" {
		return append(out, p.Ref(i, BySubjectAlone, d.Subject))
	}
	if d.SID != "" {
		out = append(out, p.Ref(i, BySID, d.SID))
	}
	if d.OldSID != "" && d.OldSID != d.SID {
		out = append(out, p.Ref(i, BySID, d.OldSID))
	}
	return out
}

// Bound is what a sealed record cannot be taken away from.
func (p *Party) Bound(key *store.Key) []byte {
	return append(p.Owner[:len(p.Owner):len(p.Owner)], key[:]...)
}

// Hash makes a Key of parts, each with its length so that no two lists of parts
// look alike.
func Hash(parts ...string) store.Key {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return store.Key(h.Sum(nil))
}

// NewID makes a session id and the key under which it is stored.
func (p *Party) NewID() (id cookie.ID, key store.Key) {
	id = cookie.NewID()
	return id, p.Session(&id)
}

// KeptKey is the record's. Nobody claims it: its owner is itself. A Store forgets it
// Abandoned after the IdP was last heard of.
func (p *Party) KeptKey() store.Key { return Hash("idp", string(p.Owner[:])) }
