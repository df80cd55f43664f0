package redisstore

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/tandem-sso/tandem/rp/store"
)

// Names of keys. What one script touches has one {tag}, so that it is in one slot
// of a Cluster. Records and the order in which they are due share one of 64 tags.
const buckets = 64

func bucketOf(key *store.Key) int { return int(key[0]) % buckets }

func encode(key *store.Key) string { return base64.RawURLEncoding.EncodeToString(key[:]) }

func (s *Store) bucket(b int) string { return string(s.appendBucket(nil, b)) }

// keyRecord is made for every record that is read, so it is made in one piece.
func (s *Store) keyRecord(key *store.Key) string {
	b := s.appendBucket(make([]byte, 0, 128), bucketOf(key))
	return string(base64.RawURLEncoding.AppendEncode(append(b, "s:"...), key[:]))
}

func (s *Store) appendBucket(b []byte, bucket int) []byte {
	b = append(append(b, s.prefix...), '{')
	return append(strconv.AppendInt(b, int64(bucket), 10), "}:"...)
}

func (s *Store) parseRecordKey(name string) (key store.Key, ok bool) {
	_, name, ok = strings.Cut(strings.TrimPrefix(name, s.prefix), "}:s:")
	if !ok || len(name) != base64.RawURLEncoding.EncodedLen(len(key)) {
		return key, false
	}
	n, err := base64.RawURLEncoding.Decode(key[:], []byte(name))
	return key, err == nil && n == len(key)
}

// keyVetoes is beside a record: Creates and Replaces in flight that must not succeed.
func (s *Store) keyVetoes(key *store.Key) string { return s.bucket(bucketOf(key)) + "v:" + encode(key) }

// keysSession are record and vetoes.
func (s *Store) keysSession(key *store.Key) []string {
	return []string{s.keyRecord(key), s.keyVetoes(key)}
}

// stemDue and an owner make the name of the set of what is due of that owner in
// one bucket. A script that learns the owner from the record gets the stem as an
// argument: the set has the same tag as the record, which is what a Cluster needs.
func (s *Store) stemDue(b int) string { return s.bucket(b) + "due:" }

// keyDue is made for all buckets each time that Claim looks.
func (s *Store) keyDue(b int, owner *store.Key) string {
	return string(append(append(s.appendBucket(make([]byte, 0, 128), b), "due:"...), owner[:]...))
}

// keysRef are index and tombstones.
func (s *Store) keysRef(ref *store.Key) []string {
	base := s.tagRef(ref)
	return []string{base + "x", base + "t"}
}

func (s *Store) tagRef(ref *store.Key) string { return s.prefix + "{" + encode(ref) + "}:" }

func (s *Store) keyOnce(id *store.Key) string { return s.prefix + "o:" + encode(id) }

func (s *Store) keyLease(id *store.Key) string { return s.prefix + "l:" + encode(id) }

func decimal(n int64) string { return strconv.FormatInt(n, 10) }
