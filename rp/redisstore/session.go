package redisstore

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"
	"unsafe"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/storekit"
)

// parse reads a stored record. Sealed stays where it arrived: nobody writes to
// what a Store hands out, so it may be the memory of a string.
func parse(key rp.Key, blob string) (*rp.Record, error) {
	b := unsafe.Slice(unsafe.StringData(blob), len(blob))
	r, _, sealed, err := storekit.ParseHead(b)
	if err != nil {
		return nil, fmt.Errorf("redisstore: session %x…: %w", key[:4], err)
	}
	r.Key = key
	r.Sealed = slices.Clip(sealed)
	return &r, nil
}

func (s *Store) parseRecordKey(name string) (key rp.Key, ok bool) {
	_, name, ok = strings.Cut(strings.TrimPrefix(name, s.prefix), "}:s:")
	if !ok || len(name) != base64.RawURLEncoding.EncodedLen(len(key)) {
		return key, false
	}
	n, err := base64.RawURLEncoding.Decode(key[:], []byte(name))
	return key, err == nil && n == len(key)
}

// read returns the record under key, nil if there is none. Nobody may write to it.
func (s *Store) read(ctx context.Context, key rp.Key) (*rp.Record, error) {
	r, ticket := s.cache.get(&key)
	if r != nil {
		return r, nil
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	blob, err := s.reader.Do(limited, s.reader.B().Get().Key(s.keyRecord(&key)).Build()).ToString()
	if rueidis.IsRedisNil(err) {
		return nil, nil
	} else if err != nil {
		return nil, s.failure(ctx, err)
	}
	if r, err = parse(key, blob); err != nil {
		return nil, err
	}
	s.cache.put(r, ticket)
	return r, nil
}

// Load implements rp.Store.
func (s *Store) Load(ctx context.Context, key rp.Key) (rp.Record, error) {
	if err := ctx.Err(); err != nil {
		return rp.Record{}, err
	}
	r, err := s.read(ctx, key)
	switch {
	case err != nil:
		return rp.Record{}, err
	case r == nil || r.Ended() && storekit.Millis(r.End.Until) < s.localTime():
		return rp.Record{}, rp.ErrNotFound
	case r.Ended():
		return *r, rp.ErrEnded
	}
	return *r, nil
}

// field is a session in the index of a reference. The tag tells one life of a
// key from the next.
func field(key *rp.Key, tag string) string { return string(key[:]) + tag }

func nonce() string {
	var b [8]byte
	rand.Read(b[:])
	return string(b[:])
}

// newMark is the value of a field: when the session was begun, and something
// that nobody else has written.
func newMark(begun time.Time, nonce string) string {
	return decimal(storekit.Millis(begun)) + ":" + nonce
}

// mark makes the session findable under refs. ended: a tombstone forbids it.
func (s *Store) mark(ctx context.Context, refs []rp.Key, begun time.Time, field, mark string) (ended bool, err error) {
	calls := make([]call, len(refs))
	for i := range refs {
		calls[i] = call{s.keysRef(&refs[i]), []string{s.clock(), decimal(storekit.Millis(begun)), field, mark}}
	}
	for _, r := range s.evalAll(ctx, scriptMark, calls) {
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
func (s *Store) unmark(ctx context.Context, refs []rp.Key, field, mark string) {
	if len(refs) == 0 {
		return
	}
	calls := make([]call, len(refs))
	for i := range refs {
		calls[i] = call{s.keysRef(&refs[i])[:1], []string{field, mark}}
	}
	s.evalAll(ctx, scriptUnmark, calls)
}

// Create implements rp.Store. First the session becomes findable under its
// references, then it comes into being. An End of a reference leaves its
// tombstone before it looks who is to be found; so either the tombstone is seen
// here, or End finds the session: alive and ends it, or not yet there and leaves
// a veto beside its key.
func (s *Store) Create(ctx context.Context, rec rp.Record) error {
	if err := rec.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	tag := nonce()
	rec.Version, rec.End = 1, rp.End{}
	blob := append(storekit.AppendHead(nil, &rec, binary.BigEndian.Uint64([]byte(tag))), rec.Sealed...)
	mine, mark := field(&rec.Key, tag), newMark(rec.Begun, tag)
	ended, err := s.mark(ctx, rec.Refs, rec.Begun, mine, mark)
	if err != nil {
		return err
	}
	answer := "ended"
	if !ended {
		msg, err := s.eval(ctx, scriptCreate, s.keysSession(&rec.Key),
			s.clock(), string(rec.Key[:]), decimal(storekit.Millis(rec.Due)), string(blob), tag)
		s.cache.drop(&rec.Key)
		if err != nil {
			return err
		}
		if answer, err = msg.ToString(); err != nil {
			return s.failure(ctx, err)
		}
	}
	if answer == "ok" {
		return nil
	}
	s.unmark(ctx, rec.Refs, mine, mark)
	return verdict(answer)
}

func verdict(answer string) error {
	switch answer {
	case "ok":
		return nil
	case "absent":
		return rp.ErrNotFound
	case "ended":
		return rp.ErrEnded
	case "conflict":
		return rp.ErrConflict
	}
	return fmt.Errorf("redisstore: a script answered %q", answer)
}

// Replace implements rp.Store. References that the record gains are marked first,
// as in Create.
func (s *Store) Replace(ctx context.Context, rec rp.Record) error {
	if err := rec.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	answer, head, err := s.replace(ctx, &rec, "")
	if err != nil {
		return err
	}
	if answer != "refs" {
		return verdict(answer)
	}
	old, tag, _, err := storekit.ParseHead([]byte(head))
	if err != nil {
		return fmt.Errorf("redisstore: session %x…: %w", rec.Key[:4], err)
	}
	mine := field(&rec.Key, string(binary.BigEndian.AppendUint64(nil, tag)))
	dropped := without(old.Refs, rec.Refs)
	marks, err := s.marks(ctx, dropped, mine)
	if err != nil {
		return err
	}
	// A mark that is left by a Replace that then fails is found to be stale by
	// whoever comes across it; another Replace may rely on it, so it stays.
	ended, err := s.mark(ctx, without(rec.Refs, old.Refs), old.Begun, mine, newMark(old.Begun, nonce()))
	if err != nil {
		return err
	}
	if ended {
		return rp.ErrEnded
	}
	if answer, _, err = s.replace(ctx, &rec, "marked"); err != nil {
		return err
	}
	if answer == "ok" {
		for i := range dropped {
			s.unmark(ctx, dropped[i:i+1], mine, marks[i])
		}
	}
	return verdict(answer)
}

func (s *Store) replace(ctx context.Context, rec *rp.Record, marked string) (answer, head string, err error) {
	next := *rec
	next.Version, next.End = rec.Version+1, rp.End{}
	blob := append(storekit.AppendHead(nil, &next, 0), rec.Sealed...)
	msg, err := s.eval(ctx, scriptReplace, s.keysSession(&rec.Key),
		s.clock(), string(rec.Key[:]), fmt.Sprint(rec.Version), decimal(storekit.Millis(rec.Active)),
		decimal(storekit.Millis(rec.Due)), string(blob), marked,
		s.channel, message(rp.Change{Key: rec.Key, Version: next.Version}))
	s.cache.drop(&rec.Key)
	if err != nil {
		return "", "", err
	}
	parts, err := msg.AsStrSlice()
	if err != nil || len(parts) == 0 {
		return "", "", s.failure(ctx, err)
	}
	return parts[0], parts[len(parts)-1], nil
}

func without(refs, other []rp.Key) []rp.Key {
	var rest []rp.Key
	for i := range refs {
		if !slices.Contains(other, refs[i]) {
			rest = append(rest, refs[i])
		}
	}
	return rest
}

// marks returns what the marks of a session under refs are at present.
func (s *Store) marks(ctx context.Context, refs []rp.Key, field string) ([]string, error) {
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

// Touch implements rp.Store.
func (s *Store) Touch(ctx context.Context, key rp.Key, active, due time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	msg, err := s.eval(ctx, scriptTouch, s.keysSession(&key)[:2],
		s.clock(), string(key[:]), decimal(storekit.Millis(active)), decimal(storekit.Millis(due)))
	s.cache.drop(&key)
	return s.answer(ctx, msg, err)
}

// answer is the verdict that a script has returned as its only value.
func (s *Store) answer(ctx context.Context, msg rueidis.RedisMessage, err error) error {
	if err != nil {
		return err
	}
	answer, err := msg.ToString()
	if err != nil {
		return s.failure(ctx, err)
	}
	return verdict(answer)
}

// Settle implements rp.Store.
func (s *Store) Settle(ctx context.Context, key rp.Key, sealed []byte, due time.Time) error {
	if len(sealed) > rp.MaxSealed {
		return fmt.Errorf("redisstore: Settle: sealed has %d bytes: at most %d are allowed", len(sealed), rp.MaxSealed)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	msg, err := s.eval(ctx, scriptSettle, s.keysSession(&key)[:2],
		s.clock(), string(key[:]), decimal(storekit.Millis(due)), string(sealed))
	s.cache.drop(&key)
	if err != nil {
		return err
	}
	if msg.IsNil() {
		return rp.ErrNotFound
	}
	head, err := msg.ToString()
	if err != nil {
		return s.failure(ctx, err)
	}
	if due.IsZero() { // an End that was cut off may have left marks
		if r, tag, _, err := storekit.ParseHead([]byte(head)); err == nil {
			s.forgetMarks(ctx, r.Refs, field(&key, string(binary.BigEndian.AppendUint64(nil, tag))))
		}
	}
	return nil
}
