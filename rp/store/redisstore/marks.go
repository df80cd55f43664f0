package redisstore

import (
	"context"
	"crypto/rand"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// A mark makes a session findable under a reference. It is a field in the index of
// the reference and outlives the record: who finds it without the record, or with
// one that lacks the reference, knows that it is stale.

const (
	tagSize = 8
	keySize = len(store.Key{})
)

var (
	// textMark leaves a mark, unless a tombstone forbids it. The index stays for
	// longer than the record will, and for good if one is never due.
	// KEYS index, tombstones. ARGV now, field, mark, due.
	textMark = `
local now, due, begun, issued = clock(ARGV[1]), tonumber(ARGV[4]), pair(ARGV[3])
local t = redis.call('HGETALL', KEYS[2])
for i = 1, #t, 2 do
  if tonumber(t[i + 1]) >= now and forbids(t[i], begun, issued) then return 1 end
end
local left = redis.call('PTTL', KEYS[1])
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
if due == 0 then
  redis.call('PERSIST', KEYS[1])
elseif left ~= -1 and left < life(due, now, 2) then
  redis.call('PEXPIRE', KEYS[1], ttl(life(due, now, 7)))
end
return 0
`
	scriptMark   = newScript(adds, textMark)
	scriptRemark = newScript(keeps, textMark) // for a session that lives

	// scriptUnmark takes a mark back, unless somebody has renewed it.
	// KEYS index. ARGV field, mark.
	scriptUnmark = newScript(keeps, `
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
return 0
`)

	// scriptKeepIndex lets an index stay for a session that is due then.
	// KEYS index. ARGV now, due.
	scriptKeepIndex = newScript(keeps, `
local now, due, left = clock(ARGV[1]), tonumber(ARGV[2]), redis.call('PTTL', KEYS[1])
if due == 0 then
  redis.call('PERSIST', KEYS[1])
elseif left >= 0 and left < life(due, now, 2) then
  redis.call('PEXPIRE', KEYS[1], ttl(life(due, now, 7)))
end
return 0
`)

	// scriptKeepRecord does the same for the record, and for good if it is never
	// due. If its Due has moved again, whoever has moved it comes by.
	// KEYS record. ARGV now, due.
	scriptKeepRecord = newScript(keeps, `
local now, due = clock(ARGV[1]), tonumber(ARGV[2])
local h = head(KEYS[1], now)
if not h or ended(h) or int(h, DUE) ~= due then return 0 end
if due == 0 then redis.call('PERSIST', KEYS[1]) else redis.call('PEXPIRE', KEYS[1], num(life(due, now, 1))) end
return 0
`)
)

// field is a session in the index of a reference. The tag tells one life of a
// key from the next.
func field(key *store.Key, tag string) string { return string(key[:]) + tag }

func parseField(f string) (key store.Key, tag string, ok bool) {
	if len(f) != keySize+tagSize {
		return key, "", false
	}
	return store.Key([]byte(f[:keySize])), f[keySize:], true
}

func nonce() string {
	var b [tagSize]byte
	rand.Read(b[:])
	return string(b[:])
}

// marking is what mark leaves of a session: its field, when it was begun and its
// ID token issued, until when it is due, and something that nobody else has written.
type marking struct {
	field, nonce       string
	begun, issued, due int64
}

func newMarking(field, nonce string, rec *store.Record) *marking {
	return &marking{field, nonce, storekit.Millis(rec.Begun), storekit.Millis(rec.Issued), storekit.Millis(rec.Due)}
}

func (m *marking) value() string { return decimal(m.begun) + ":" + decimal(m.issued) + ":" + m.nonce }

// mark makes the session findable under refs. ended: a tombstone forbids it.
func (s *Store) mark(ctx context.Context, sc *script, refs []store.Key, m *marking) (ended bool, err error) {
	calls := make([]call, len(refs))
	for i := range refs {
		calls[i] = call{s.keysRef(&refs[i]), []string{s.clock(), m.field, m.value(), decimal(m.due)}}
	}
	for _, r := range s.evalAll(ctx, sc, calls) {
		n, err := r.AsInt64()
		if err != nil {
			return false, s.failure(ctx, err)
		}
		ended = ended || n == 1
	}
	return ended, nil
}

// unmark takes marks back. It is not needed for what is right, only for what is
// tidy: an error is of no interest.
func (s *Store) unmark(ctx context.Context, refs []store.Key, field, mark string) {
	if len(refs) == 0 {
		return
	}
	calls := make([]call, len(refs))
	for i := range refs {
		calls[i] = call{s.keysRef(&refs[i])[:1], []string{field, mark}}
	}
	s.evalAll(ctx, scriptUnmark, calls)
}

// marks returns what the marks of a session under refs are at present.
func (s *Store) marks(ctx context.Context, refs []store.Key, field string) ([]string, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	cmds := make([]rueidis.Completed, len(refs))
	for i := range refs {
		cmds[i] = s.db.B().Hget().Key(s.keysRef(&refs[i])[0]).Field(field).Build()
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	marks := make([]string, len(refs))
	for i, r := range s.db.DoMulti(limited, cmds...) {
		var err error
		if marks[i], err = r.ToString(); s.failure(ctx, err) != nil {
			return nil, s.failure(ctx, err)
		}
	}
	return marks, nil
}

// forgetMarks removes a session that is over from the indexes. If that fails,
// Settle comes by once more, and who finds the mark sees that it is stale.
func (s *Store) forgetMarks(ctx context.Context, refs []store.Key, field string) {
	cmds := make([]rueidis.Completed, len(refs))
	for i := range refs {
		cmds[i] = s.db.B().Hdel().Key(s.keysRef(&refs[i])[0]).Field(field).Build()
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	s.db.DoMulti(limited, cmds...)
}

// keep gives a live session the time that its new Due asks for: first the indexes,
// then the record, so that nothing lives that is not found. It is called when a
// script says that the record would go too early, about once a day; if it fails,
// the next script says so again.
func (s *Store) keep(ctx context.Context, key *store.Key, refs []store.Key, due int64) {
	args := []string{s.clock(), decimal(due)}
	calls := make([]call, len(refs))
	for i := range refs {
		calls[i] = call{s.keysRef(&refs[i])[:1], args}
	}
	for _, r := range s.evalAll(ctx, scriptKeepIndex, calls) {
		if r.Error() != nil {
			return
		}
	}
	s.evalAll(ctx, scriptKeepRecord, []call{{[]string{s.keyRecord(key)}, args}})
}

// keepHead is keep for a session of which a script has answered the head.
func (s *Store) keepHead(ctx context.Context, key *store.Key, head string, due int64) {
	if r, _, _, err := storekit.ParseHead([]byte(head)); err == nil {
		s.keep(ctx, key, r.Refs, due)
	}
}
