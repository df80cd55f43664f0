package redisstore

import (
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

const endBatch = 256 // sessions ended in one round trip

var (
	// scriptBury leaves a tombstone and returns the fields of the index that may be
	// meant, each with "buried" if the tombstone forbids it. Those that the tombstone
	// makes superfluous go.
	// KEYS index, tombstones. ARGV now, begun by, issued by, until (all three of the
	// tombstone), "all" if the index is to be returned whole.
	scriptBury = newScript(keeps, `
local now, begun, issued, till = clock(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local tomb, last, covered = ARGV[2] .. ':' .. ARGV[3], till, till < now
local t = redis.call('HGETALL', KEYS[2])
for i = 1, #t, 2 do
  local b, s = pair(t[i])
  local u = tonumber(t[i + 1])
  if u < now or (b <= begun and s <= issued and u <= till) then
    redis.call('HDEL', KEYS[2], t[i])
  else
    last = math.max(last, u)
    if b >= begun and s >= issued and u >= till then covered = true end
  end
end
if not covered then redis.call('HSET', KEYS[2], tomb, ARGV[4]) end
redis.call('PEXPIRE', KEYS[2], ttl(last - now))
local list = {}
t = redis.call('HGETALL', KEYS[1])
for i = 1, #t, 2 do
  local buried = forbids(tomb, pair(t[i + 1]))
  if buried or ARGV[5] ~= '' then
    list[#list + 1] = t[i]
    list[#list + 1] = buried and 'buried' or ''
  end
end
return list
`)

	// scriptEnd ends a live session that matches and returns it as it was.
	// KEYS record, vetoes. ARGV now, stem of the due set, key, ref or "", tag,
	// "buried" or "", begun by or "any", issued by or "", version or 0, idle since or
	// "", reason, at, until, channel.
	//
	// If it was found under a reference that the record does not have, the record
	// may be about to get it, by a Create or Replace in flight: then, if the tombstone
	// forbids it, a veto is left that it will find, and "stale" is answered.
	scriptEnd = newScript(keeps, `
local now, ref, at, till = clock(ARGV[1]), ARGV[4], tonumber(ARGV[12]), tonumber(ARGV[13])
local h = head(KEYS[1], now)
if h and ended(h) then return {'no'} end
if ref ~= '' then
  local _, has = {}, {}
  if h and h:sub(TAG, TAG + 7) == ARGV[5] then _, has = refs(h) end
  if not has[ref] then
    if till < now or ARGV[6] == '' then return {'no'} end
    local field, left = ref .. ARGV[5], redis.call('PTTL', KEYS[2])
    local before = redis.call('HGET', KEYS[2], field)
    redis.call('HSET', KEYS[2], field, num(math.max(till, tonumber(before or 0))))
    redis.call('PEXPIRE', KEYS[2], num(math.max(left, ttl(till - now))))
    return {'stale'}
  end
end
if not h then return {'no'} end
if ARGV[8] ~= '' then
  if int(h, ISSUED) > tonumber(ARGV[8]) then return {'no'} end
elseif int(h, BEGUN) > (tonumber(ARGV[7]) or math.huge) then
  return {'no'}
end
if ARGV[9] ~= '0' and int(h, VERSION) ~= tonumber(ARGV[9]) then return {'no'} end
if ARGV[10] ~= '' and int(h, ACTIVE) > tonumber(ARGV[10]) then return {'no'} end
local blob, reason = redis.call('GET', KEYS[1]), ARGV[11]
if till < now then
  redis.call('DEL', KEYS[1])
  index(dueset(ARGV[2], h), ARGV[3], 0, now)
else
  redis.call('SET', KEYS[1], blob:sub(1, DUE - 1) .. struct.pack('>I8I8I8', at, at, till) .. blob:sub(TAG, REASON - 1)
    .. string.char(#reason) .. blob:sub(REFS, REFS) .. reason .. blob:sub(REST), 'PX', ttl(till - now))
  index(dueset(ARGV[2], h), ARGV[3], at, now)
end
redis.call('PUBLISH', ARGV[14], ARGV[3] .. h:sub(VERSION, VERSION + 7) .. reason)
return {'ended', blob}
`)
)

// End implements store.Store.
func (s *Store) End(ctx context.Context, sel store.Selector, end store.End) ([]store.Record, error) {
	if err := sel.Check(); err != nil {
		return nil, err
	}
	if err := end.Check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	list := []member{{key: sel.Key}}
	tags := []string{s.bucket(bucketOf(&sel.Key))} // where something is written
	if sel.Ref != (store.Key{}) {
		var err error
		if list, err = s.bury(ctx, sel, end); err != nil {
			return nil, err
		}
		tags[0] = s.tagRef(&sel.Ref)
		for _, m := range list {
			tags = append(tags, s.bucket(bucketOf(&m.key)))
		}
	}
	var ended []store.Record
	for batch := range slices.Chunk(list, endBatch) {
		some, err := s.end(ctx, sel, end, batch)
		if ended = append(ended, some...); err != nil {
			return ended, err
		}
	}
	return ended, s.replicated(ctx, tags)
}

// member is a field of an index that may be meant by End.
type member struct {
	key    store.Key
	tag    string
	buried string // not empty: the tombstone forbids it
}

// bury leaves a tombstone and returns who may be meant.
func (s *Store) bury(ctx context.Context, sel store.Selector, end store.End) ([]member, error) {
	tomb, all := storekit.NewTombstone(&sel, &end), ""
	if !sel.IssuedBy.IsZero() { // who lives is compared by that, see store.Selector's Covers
		all = "all"
	}
	msg, err := s.eval(ctx, scriptBury, s.keysRef(&sel.Ref),
		s.clock(), decimal(tomb.BegunBy), decimal(tomb.IssuedBy), decimal(tomb.Until), all)
	if err != nil {
		return nil, err
	}
	pairs, err := msg.AsStrSlice()
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	var list []member
	for i := 1; i < len(pairs); i += 2 {
		if key, tag, ok := parseField(pairs[i-1]); ok {
			list = append(list, member{key, tag, pairs[i]})
		}
	}
	return list, nil
}

func begunBy(sel store.Selector) string {
	if ms := storekit.Millis(sel.BegunBy); ms != 0 {
		return decimal(ms)
	}
	return "any"
}

func issuedBy(sel store.Selector) string {
	if ms := storekit.Millis(sel.IssuedBy); ms != 0 {
		return decimal(ms)
	}
	return ""
}

// end ends those of list that match. After an error it returns what it knows to
// have ended.
func (s *Store) end(ctx context.Context, sel store.Selector, end store.End, list []member) ([]store.Record, error) {
	ref, idle := "", ""
	if sel.Ref != (store.Key{}) {
		ref = string(sel.Ref[:])
	}
	if !sel.IdleSince.IsZero() {
		idle = decimal(storekit.Millis(sel.IdleSince))
	}
	calls := make([]call, len(list))
	for i, m := range list {
		calls[i] = call{s.keysSession(&m.key), []string{
			s.clock(), s.stemDue(bucketOf(&m.key)), string(m.key[:]), ref, m.tag, m.buried, begunBy(sel), issuedBy(sel),
			fmt.Sprint(sel.Version), idle,
			end.Reason, decimal(storekit.Millis(end.At)), decimal(storekit.Millis(end.Until)), s.channel,
		}}
	}
	var ended []store.Record
	var failed error
	var over, stale []string // fields whose marks are no longer needed
	var refs [][]store.Key
	for i, result := range s.evalAll(ctx, scriptEnd, calls) {
		key := list[i].key
		s.cache.drop(&key)
		parts, err := result.AsStrSlice()
		if err != nil || len(parts) == 0 {
			failed = cmp.Or(failed, s.failure(ctx, err))
			continue
		}
		switch parts[0] {
		case "stale":
			stale = append(stale, field(&key, list[i].tag))
		case "ended":
			r, err := parse(key, parts[1])
			if err != nil {
				failed = cmp.Or(failed, err)
				continue
			}
			r.End = store.End{Reason: end.Reason,
				At: storekit.Time(storekit.Millis(end.At)), Until: storekit.Time(storekit.Millis(end.Until))}
			ended = append(ended, *r)
			_, tag, _, _ := storekit.ParseHead([]byte(parts[1]))
			over = append(over, field(&key, string(binary.BigEndian.AppendUint64(nil, tag))))
			refs = append(refs, r.Refs)
		}
	}
	for i := range over {
		s.forgetMarks(ctx, refs[i], over[i])
	}
	// What is stale may also be a log-in in flight. The veto that it will find
	// counts until end.Until; a mark must not go before it is certain to be over.
	if storekit.Millis(end.Until)-s.localTime() > 10*s.timeout.Milliseconds() {
		for _, f := range stale {
			s.forgetMarks(ctx, []store.Key{sel.Ref}, f)
		}
	}
	return ended, failed
}
