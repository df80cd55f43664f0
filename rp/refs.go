package rp

import (
	"crypto/sha256"
	"encoding/binary"
)

// hash makes a Key of parts, each with its length so that no two lists of parts
// look alike.
func hash(parts ...string) Key {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	return Key(h.Sum(nil))
}

func subjectRef(issuer, subject string) Key { return hash("sub", issuer, subject) }

// sidRef includes the issuer: a sid is unique only there (BCL-15).
func sidRef(issuer, sid string) Key { return hash("sid", issuer, sid) }

func leaseID(k Key) Key { return hash("lease", string(k[:])) }

// refs are what back-channel logout finds a session by. The sid before a change
// stays an alias: a logout token that was on its way may still carry it.
func refs(issuer, subject, sid, oldSID string) []Key {
	out := []Key{subjectRef(issuer, subject)}
	if sid != "" {
		out = append(out, sidRef(issuer, sid))
	}
	if oldSID != "" && oldSID != sid {
		out = append(out, sidRef(issuer, oldSID))
	}
	return out
}
