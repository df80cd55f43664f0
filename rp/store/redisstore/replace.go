package redisstore

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// scriptReplace: KEYS record, vetoes. ARGV now, stem of the due set, key, version,
// active, due, record, "marked" or "", channel, message. It answers what it found,
// the head that it replaced, and the new Due if the session has to be kept for it;
// "refs": mark the new references first.
var scriptReplace = newScript(keeps, `
local now = clock(ARGV[1])
local h = head(KEYS[1], now)
if not h then return {'absent'} end
if ended(h) then return {'ended'} end
if int(h, VERSION) ~= tonumber(ARGV[4]) then return {'conflict'} end
local blob, marked, tag = ARGV[7], ARGV[8] ~= '', h:sub(TAG, TAG + 7)
local old, had = refs(h)
local new, has = refs(blob)
for _, ref in ipairs(new) do
  if not had[ref] then
    if not marked then return {'refs', h} end
    local till = redis.call('HGET', KEYS[2], ref .. tag)
    if till and tonumber(till) >= now then return {'ended'} end
  end
end
for _, ref in ipairs(old) do
  if not has[ref] and not marked then return {'refs', h} end
end
local clocks, due = blob:sub(ACTIVE, AT - 1), tonumber(ARGV[6])
if int(h, ACTIVE) > tonumber(ARGV[5]) then clocks, due = h:sub(ACTIVE, AT - 1), int(h, DUE) end
-- What stays: begun; tag, issued and owner.
redis.call('SET', KEYS[1], blob:sub(1, BEGUN - 1) .. h:sub(BEGUN, ACTIVE - 1) .. clocks
  .. blob:sub(AT, TAG - 1) .. h:sub(TAG, REASON - 1) .. blob:sub(REASON), 'KEEPTTL')
index(dueset(ARGV[2], h), ARGV[3], due, now)
redis.call('PUBLISH', ARGV[9], ARGV[10])
if marked or short(KEYS[1], due, now) then return {'ok', h, num(due)} end
return {'ok', h}
`)

// Replace implements store.Store. References that the record gains are marked first,
// as in Create.
func (s *Store) Replace(ctx context.Context, rec store.Record) error {
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
		return storekit.Verdict("redisstore", answer)
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
	m := newMarking(mine, nonce(), &old)
	m.due = storekit.Millis(rec.Due)
	ended, err := s.mark(ctx, scriptRemark, without(rec.Refs, old.Refs), m)
	if err != nil {
		return err
	}
	if ended {
		return store.ErrEnded
	}
	if answer, _, err = s.replace(ctx, &rec, "marked"); err != nil {
		return err
	}
	if answer == "ok" {
		for i := range dropped {
			s.unmark(ctx, dropped[i:i+1], mine, marks[i])
		}
	}
	return storekit.Verdict("redisstore", answer)
}

func (s *Store) replace(ctx context.Context, rec *store.Record, marked string) (answer, head string, err error) {
	next := *rec
	next.Version, next.End = rec.Version+1, store.End{}
	blob := append(storekit.AppendHead(nil, &next, 0), rec.Sealed...)
	msg, err := s.eval(ctx, scriptReplace, s.keysSession(&rec.Key), s.clock(),
		s.stemDue(bucketOf(&rec.Key)), string(rec.Key[:]), fmt.Sprint(rec.Version),
		decimal(storekit.Millis(rec.Active)), decimal(storekit.Millis(rec.Due)), string(blob), marked,
		s.channel, message(store.Change{Key: rec.Key, Version: next.Version}))
	s.cache.drop(&rec.Key)
	if err != nil {
		return "", "", err
	}
	parts, err := msg.AsStrSlice()
	if err != nil || len(parts) == 0 {
		return "", "", s.failure(ctx, err)
	}
	if len(parts) > 1 {
		head = parts[1]
	}
	if len(parts) > 2 {
		if due, err := strconv.ParseInt(parts[2], 10, 64); err == nil {
			s.keep(ctx, &rec.Key, rec.Refs, due)
		}
	}
	return parts[0], head, nil
}

func without(refs, other []store.Key) []store.Key {
	var rest []store.Key
	for i := range refs {
		if !slices.Contains(other, refs[i]) {
			rest = append(rest, refs[i])
		}
	}
	return rest
}
