package record

import (
	"encoding/binary"
	"time"
)

// APIToken is an access token that was asked for one API.
type APIToken struct {
	API   string // what it was asked for
	Token string
	Ends  time.Time // zero: not told
	Life  time.Duration
	// Generation is that of the refresh which has brought it.
	Generation uint64
}

// EncodeAPITokens returns what Data.APITokens keeps: each token's two texts and three
// numbers, one after the other.
func EncodeAPITokens(all []APIToken) string {
	var b []byte
	for i := range all {
		t := &all[i]
		for _, s := range []string{t.API, t.Token} {
			b = binary.AppendUvarint(b, uint64(len(s)))
			b = append(b, s...)
		}
		for _, n := range []int64{ms(t.Ends), t.Life.Milliseconds(), int64(t.Generation)} {
			b = binary.AppendVarint(b, n)
		}
	}
	return string(b)
}

// DecodeAPITokens reads it. Its error is ErrMalformed.
func DecodeAPITokens(text string) ([]APIToken, error) {
	var all []APIToken
	for r := (reader{b: []byte(text), text: text}); r.at < len(text); {
		t := APIToken{API: r.string(), Token: r.string(), Ends: instant(r.number()),
			Life: time.Duration(r.number()) * time.Millisecond, Generation: uint64(r.number())}
		if r.bad {
			return nil, ErrMalformed
		}
		all = append(all, t)
	}
	return all, nil
}
