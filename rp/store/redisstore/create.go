package redisstore

import (
	"context"
	"encoding/binary"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// scriptCreate: KEYS record, vetoes. ARGV now, stem of the due set, key, due,
// record, tag.
var scriptCreate = newScript(adds, `
local now, due, blob = clock(ARGV[1]), tonumber(ARGV[4]), ARGV[5]
if head(KEYS[1], now) then return 'conflict' end
for _, ref in ipairs((refs(blob))) do
  local till = redis.call('HGET', KEYS[2], ref .. ARGV[6])
  if till and tonumber(till) >= now then return 'ended' end
end
if due == 0 then
  redis.call('SET', KEYS[1], blob)
else
  redis.call('SET', KEYS[1], blob, 'PX', num(life(due, now, 1)))
  index(dueset(ARGV[2], blob), ARGV[3], due, now)
end
return 'ok'
`)

// Create implements store.Store. First the session becomes findable under its
// references, then it comes into being. An End of a reference leaves its
// tombstone before it looks who is to be found; so either the tombstone is seen
// here, or End finds the session: alive and ends it, or not yet there and leaves
// a veto beside its key.
func (s *Store) Create(ctx context.Context, rec store.Record) error {
	if err := rec.Check(); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	tag := nonce()
	rec.Version, rec.End = 1, store.End{}
	blob := append(storekit.AppendHead(nil, &rec, binary.BigEndian.Uint64([]byte(tag))), rec.Sealed...)
	m := newMarking(field(&rec.Key, tag), tag, &rec)
	ended, err := s.mark(ctx, scriptMark, rec.Refs, m)
	if err != nil {
		return err
	}
	answer := "ended"
	if !ended {
		msg, err := s.eval(ctx, scriptCreate, s.keysSession(&rec.Key), s.clock(),
			s.stemDue(bucketOf(&rec.Key)), string(rec.Key[:]), decimal(m.due), string(blob), tag)
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
	s.unmark(ctx, rec.Refs, m.field, m.value())
	return storekit.Verdict("redisstore", answer)
}
