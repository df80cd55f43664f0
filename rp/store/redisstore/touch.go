package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

var (
	// scriptTouch answers what it found, or the head if the session has to be kept
	// for its new Due. KEYS record. ARGV now, stem of the due set, key, active, due.
	scriptTouch = newScript(keeps, `
local now = clock(ARGV[1])
local h = head(KEYS[1], now)
if not h then return 'absent' end
if ended(h) then return 'ended' end
local active, due = tonumber(ARGV[4]), tonumber(ARGV[5])
if active > int(h, ACTIVE) then
  redis.call('SETRANGE', KEYS[1], ACTIVE - 1, struct.pack('>I8I8', active, due))
  if short(KEYS[1], due, now) then
    index(dueset(ARGV[2], h), ARGV[3], due, now)
    return h
  end
  place(dueset(ARGV[2], h), ARGV[3], due) -- the set stays for as long as the record
end
return 'ok'
`)

	// scriptSettle answers the head. KEYS record. ARGV now, stem of the due set, key,
	// due, sealed.
	scriptSettle = newScript(keeps, `
local now = clock(ARGV[1])
local h = head(KEYS[1], now)
if not h or not ended(h) then return false end
local due = tonumber(ARGV[4])
h = h:sub(1, DUE - 1) .. struct.pack('>I8', due) .. h:sub(DUE + 8, REST - 1 + h:byte(REASON) + 32 * h:byte(REFS))
redis.call('SET', KEYS[1], h .. ARGV[5], 'KEEPTTL')
index(dueset(ARGV[2], h), ARGV[3], due, now)
return h
`)
)

// Touch implements store.Store.
func (s *Store) Touch(ctx context.Context, key store.Key, active, due time.Time) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	until := storekit.Millis(due)
	msg, err := s.eval(ctx, scriptTouch, []string{s.keyRecord(&key)}, s.clock(),
		s.stemDue(bucketOf(&key)), string(key[:]), decimal(storekit.Millis(active)), decimal(until))
	s.cache.drop(&key)
	if err != nil {
		return err
	}
	answer, err := msg.ToString()
	if err != nil {
		return s.failure(ctx, err)
	}
	if len(answer) >= storekit.HeadSize {
		s.keepHead(ctx, &key, answer, until)
		return nil
	}
	return storekit.Verdict("redisstore", answer)
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
	return storekit.Verdict("redisstore", answer)
}

// Settle implements store.Store.
func (s *Store) Settle(ctx context.Context, key store.Key, sealed []byte, due time.Time) error {
	if len(sealed) > store.MaxSealed {
		return fmt.Errorf("redisstore: Settle: sealed has %d bytes: at most %d are allowed", len(sealed),
			store.MaxSealed)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	msg, err := s.eval(ctx, scriptSettle, []string{s.keyRecord(&key)}, s.clock(),
		s.stemDue(bucketOf(&key)), string(key[:]), decimal(storekit.Millis(due)), string(sealed))
	s.cache.drop(&key)
	if err != nil {
		return err
	}
	if msg.IsNil() {
		return store.ErrNotFound
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
