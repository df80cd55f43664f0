package storekit

import (
	"encoding/binary"
	"errors"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
)

// The head of a record is everything but Key and Sealed:
//
//	offset  bytes
//	     0      1  layout, 2
//	     1      8  version
//	     9      8  begun      times are milliseconds since 1970, 0: zero
//	    17      8  active
//	    25      8  due
//	    33      8  end.at     0: it lives
//	    41      8  end.until
//	    49      8  tag        the store's own
//	    57      8  issued
//	    65     32  owner
//	    97      1  length of the reason
//	    98      1  number of references
//	    99         reason, references
//
// Numbers are big-endian. The offsets are fixed, so that a script in a server
// can read and patch them.
const (
	layout   = 2
	headSize = 99

	offVersion = 1
	offBegun   = 9
	offActive  = 17
	offDue     = 25
	offAt      = 33
	offUntil   = 41
	offTag     = 49
	offIssued  = 57
	offOwner   = 65
	offReason  = 97
	offRefs    = 98
)

// ErrHead is the error of ParseHead.
var ErrHead = errors.New("the stored record is damaged or of a newer version of Tandem")

// AppendHead appends the head of r.
func AppendHead(b []byte, r *store.Record, tag uint64) []byte {
	put := func(v int64) { b = binary.BigEndian.AppendUint64(b, uint64(v)) }
	b = append(b, layout)
	put(int64(r.Version))
	put(Millis(r.Begun))
	put(Millis(r.Active))
	put(Millis(r.Due))
	put(Millis(r.End.At))
	put(Millis(r.End.Until))
	put(int64(tag))
	put(Millis(r.Issued))
	b = append(b, r.Owner[:]...)
	b = append(b, byte(len(r.End.Reason)), byte(len(r.Refs)))
	b = append(b, r.End.Reason...)
	for i := range r.Refs {
		b = append(b, r.Refs[i][:]...)
	}
	return b
}

// ParseHead reads a head and returns what follows it. It keeps nothing of b.
func ParseHead(b []byte) (r store.Record, tag uint64, rest []byte, err error) {
	if len(b) < headSize || b[0] != layout {
		return r, 0, nil, ErrHead
	}
	reason, refs := int(b[offReason]), int(b[offRefs])
	if refs > store.MaxRefs || len(b) < headSize+reason+refs*len(store.Key{}) {
		return r, 0, nil, ErrHead
	}
	at := func(off int) time.Time { return Time(int64(binary.BigEndian.Uint64(b[off:]))) }
	r = store.Record{
		Owner:   store.Key(b[offOwner:]),
		Version: binary.BigEndian.Uint64(b[offVersion:]),
		Begun:   at(offBegun),
		Issued:  at(offIssued),
		Active:  at(offActive),
		Due:     at(offDue),
		Refs:    make([]store.Key, refs),
	}
	if reason > 0 {
		r.End = store.End{Reason: string(b[headSize : headSize+reason]), At: at(offAt), Until: at(offUntil)}
	}
	rest = b[headSize+reason:]
	for i := range r.Refs {
		rest = rest[copy(r.Refs[i][:], rest):]
	}
	return r, binary.BigEndian.Uint64(b[offTag:]), rest, nil
}
