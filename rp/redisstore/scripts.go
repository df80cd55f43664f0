package redisstore

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"

	"github.com/redis/rueidis"
)

// A script is one atomic step on the server. All its keys are in one slot.
type script struct{ text, sha string }

func newScript(text string) *script {
	text = prelude + text
	sum := sha1.Sum([]byte(text)) // the name that Redis gives it, nothing secret
	return &script{text, hex.EncodeToString(sum[:])}
}

// call is what a script is called with.
type call struct {
	keys, args []string
}

// eval runs a script.
func (s *Store) eval(ctx context.Context, sc *script, keys []string, args ...string) (rueidis.RedisMessage, error) {
	msg, err := s.evalAll(ctx, sc, []call{{keys, args}})[0].ToMessage()
	return msg, s.failure(ctx, err)
}

// evalAll runs a script with several sets of arguments in one round trip to each
// node. A server that does not know the script yet gets its text.
func (s *Store) evalAll(ctx context.Context, sc *script, calls []call) []rueidis.RedisResult {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	cmds := make([]rueidis.Completed, len(calls))
	for i, c := range calls {
		cmds[i] = s.db.B().Evalsha().Sha1(sc.sha).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build()
	}
	results := s.db.DoMulti(ctx, cmds...)
	var unknown []int
	cmds = cmds[:0]
	for i, r := range results {
		if re, ok := rueidis.IsRedisErr(r.Error()); ok && re.IsNoScript() {
			c := calls[i]
			unknown = append(unknown, i)
			cmds = append(cmds, s.db.B().Eval().Script(sc.text).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build())
		}
	}
	if len(unknown) > 0 {
		for j, r := range s.db.DoMulti(ctx, cmds...) {
			results[unknown[j]] = r
		}
	}
	return results
}

// failure turns what went wrong on the way to Redis into a system failure. nil
// and "no such key" are none.
func (s *Store) failure(ctx context.Context, err error) error {
	if err == nil || rueidis.IsRedisNil(err) {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return fmt.Errorf("redisstore: %w", err)
}

// prelude reads records; see rp/internal/storekit for their layout. Lua counts
// from 1.
const prelude = `
local function clock(s)
  if s ~= '' then return tonumber(s) end
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function int(b, at) return (struct.unpack('>I8', b, at)) end
local function num(n) return string.format('%.0f', n) end

-- The head of a record: false if there is none, or only one to be forgotten.
local function head(key, now)
  local h = redis.call('GETRANGE', key, 0, 378)
  if h == '' then return false end
  if h:byte(58) > 0 and int(h, 42) < now then
    redis.call('DEL', key)
    return false
  end
  return h
end
local function ended(h) return h:byte(58) > 0 end
local function refs(h)
  local list, has, at = {}, {}, 60 + h:byte(58)
  for i = 1, h:byte(59) do
    local ref = h:sub(at, at + 31)
    list[i], has[ref], at = ref, true, at + 32
  end
  return list, has
end
local function index(due, key, at)
  if at == 0 then redis.call('ZREM', due, key) else redis.call('ZADD', due, num(at), key) end
end
-- Keys stay a minute longer than they count, for clocks that differ.
local function ttl(ms) return num(math.max(ms, 0) + 60000) end
`

var (
	// scriptMark makes a session findable under a reference, unless a tombstone
	// forbids it.
	// KEYS index, tombstones. ARGV now, begun, field, mark.
	scriptMark = newScript(`
local now, begun = clock(ARGV[1]), tonumber(ARGV[2])
local t = redis.call('HGETALL', KEYS[2])
for i = 1, #t, 2 do
  if tonumber(t[i + 1]) >= now and (t[i] == 'any' or begun <= tonumber(t[i])) then return 1 end
end
redis.call('HSET', KEYS[1], ARGV[3], ARGV[4])
return 0
`)

	// scriptUnmark takes a mark back, unless somebody has renewed it.
	// KEYS index. ARGV field, mark.
	scriptUnmark = newScript(`
if redis.call('HGET', KEYS[1], ARGV[1]) == ARGV[2] then redis.call('HDEL', KEYS[1], ARGV[1]) end
return 0
`)

	// scriptBury leaves a tombstone and returns the fields of the index that it
	// covers.
	// KEYS index, tombstones. ARGV now, begun by or "any", until.
	scriptBury = newScript(`
local now, by, till = clock(ARGV[1]), tonumber(ARGV[2]) or math.huge, tonumber(ARGV[3])
local last, covered = till, till < now
local t = redis.call('HGETALL', KEYS[2])
for i = 1, #t, 2 do
  local b, u = tonumber(t[i]) or math.huge, tonumber(t[i + 1])
  if u < now or (b <= by and u <= till) then
    redis.call('HDEL', KEYS[2], t[i])
  else
    last = math.max(last, u)
    if b >= by and u >= till then covered = true end
  end
end
if not covered then redis.call('HSET', KEYS[2], ARGV[2], ARGV[3]) end
redis.call('PEXPIRE', KEYS[2], ttl(last - now))
local list = {}
t = redis.call('HGETALL', KEYS[1])
for i = 1, #t, 2 do
  if (tonumber(t[i + 1]:match('^%d+')) or 0) <= by then list[#list + 1] = t[i] end
end
return list
`)

	// scriptCreate: KEYS record, due, vetoes. ARGV now, key, due, record, tag.
	scriptCreate = newScript(`
local now = clock(ARGV[1])
if head(KEYS[1], now) then return 'conflict' end
for _, ref in ipairs((refs(ARGV[4]))) do
  local till = redis.call('HGET', KEYS[3], ref .. ARGV[5])
  if till and tonumber(till) >= now then return 'ended' end
end
redis.call('SET', KEYS[1], ARGV[4])
index(KEYS[2], ARGV[2], tonumber(ARGV[3]))
return 'ok'
`)

	// scriptReplace: KEYS record, due, vetoes. ARGV now, key, version, active,
	// due, record, "marked" or "", channel, message. It answers what it found
	// and the head that it replaced; "refs": mark the new references first.
	scriptReplace = newScript(`
local now = clock(ARGV[1])
local h = head(KEYS[1], now)
if not h then return {'absent'} end
if ended(h) then return {'ended'} end
if int(h, 2) ~= tonumber(ARGV[3]) then return {'conflict'} end
local blob, tag = ARGV[6], h:sub(50, 57)
local old, had = refs(h)
local new, has = refs(blob)
for _, ref in ipairs(new) do
  if not had[ref] then
    if ARGV[7] == '' then return {'refs', h} end
    local till = redis.call('HGET', KEYS[3], ref .. tag)
    if till and tonumber(till) >= now then return {'ended'} end
  end
end
for _, ref in ipairs(old) do
  if not has[ref] and ARGV[7] == '' then return {'refs', h} end
end
local clocks, due = blob:sub(18, 33), tonumber(ARGV[5])
if int(h, 18) > tonumber(ARGV[4]) then clocks, due = h:sub(18, 33), int(h, 26) end
redis.call('SET', KEYS[1], blob:sub(1, 9) .. h:sub(10, 17) .. clocks .. blob:sub(34, 49) .. tag .. blob:sub(58))
index(KEYS[2], ARGV[2], due)
redis.call('PUBLISH', ARGV[8], ARGV[9])
return {'ok', h}
`)

	// scriptTouch: KEYS record, due. ARGV now, key, active, due.
	scriptTouch = newScript(`
local h = head(KEYS[1], clock(ARGV[1]))
if not h then return 'absent' end
if ended(h) then return 'ended' end
local active, due = tonumber(ARGV[3]), tonumber(ARGV[4])
if active > int(h, 18) then
  redis.call('SETRANGE', KEYS[1], 17, struct.pack('>I8I8', active, due))
  index(KEYS[2], ARGV[2], due)
end
return 'ok'
`)

	// scriptEnd ends a live session that matches and returns it as it was.
	// KEYS record, due, vetoes. ARGV now, key, ref or "", tag, begun by or "any",
	// version or 0, idle since or "", reason, at, until, channel, message without
	// version.
	//
	// If it was found under a reference that the record does not have, the record
	// may be about to get it, by a Create or Replace in flight: then a veto is left
	// that it will find, and "stale" is answered.
	scriptEnd = newScript(`
local now, ref, at, till = clock(ARGV[1]), ARGV[3], tonumber(ARGV[9]), tonumber(ARGV[10])
local h = head(KEYS[1], now)
if h and ended(h) then return {'no'} end
if ref ~= '' then
  local _, has = {}, {}
  if h and h:sub(50, 57) == ARGV[4] then _, has = refs(h) end
  if not has[ref] then
    if till < now then return {'no'} end
    local field, left = ref .. ARGV[4], redis.call('PTTL', KEYS[3])
    local before = redis.call('HGET', KEYS[3], field)
    redis.call('HSET', KEYS[3], field, num(math.max(till, tonumber(before or 0))))
    redis.call('PEXPIRE', KEYS[3], num(math.max(left, ttl(till - now))))
    return {'stale'}
  end
end
if not h or int(h, 10) > (tonumber(ARGV[5]) or math.huge) then return {'no'} end
if ARGV[6] ~= '0' and int(h, 2) ~= tonumber(ARGV[6]) then return {'no'} end
if ARGV[7] ~= '' and int(h, 18) > tonumber(ARGV[7]) then return {'no'} end
local blob, reason = redis.call('GET', KEYS[1]), ARGV[8]
if till < now then
  redis.call('DEL', KEYS[1])
  index(KEYS[2], ARGV[2], 0)
else
  redis.call('SET', KEYS[1], blob:sub(1, 25) .. struct.pack('>I8I8I8', at, at, till) .. blob:sub(50, 57)
    .. string.char(#reason) .. blob:sub(59, 59) .. reason .. blob:sub(60), 'PX', ttl(till - now))
  index(KEYS[2], ARGV[2], at)
end
redis.call('PUBLISH', ARGV[11], ARGV[2] .. h:sub(2, 9) .. reason)
return {'ended', blob}
`)

	// scriptSettle: KEYS record, due. ARGV now, key, due, sealed. It returns the head.
	scriptSettle = newScript(`
local h = head(KEYS[1], clock(ARGV[1]))
if not h or not ended(h) then return false end
local due = tonumber(ARGV[3])
h = h:sub(1, 25) .. struct.pack('>I8', due) .. h:sub(34, 59 + h:byte(58) + 32 * h:byte(59))
redis.call('SET', KEYS[1], h .. ARGV[4], 'KEEPTTL')
index(KEYS[2], ARGV[2], due)
return h
`)

	// scriptClaim claims those that are still overdue and returns each as it was,
	// or "". KEYS due, records... ARGV now, overdue at, due from now on, keys...
	scriptClaim = newScript(`
local now, at, hold, out = clock(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), {}
for i = 2, #KEYS do
  local key = ARGV[i + 2]
  local due = redis.call('ZSCORE', KEYS[1], key)
  out[i - 1] = ''
  if due and tonumber(due) <= at then
    if head(KEYS[i], now) then
      out[i - 1] = redis.call('GET', KEYS[i])
      redis.call('SETRANGE', KEYS[i], 25, struct.pack('>I8', hold))
      index(KEYS[1], key, hold)
    else
      index(KEYS[1], key, 0)
    end
  end
end
return out
`)

	// scriptOnce: KEYS id. ARGV now, until.
	scriptOnce = newScript(`
local now, till = clock(ARGV[1]), tonumber(ARGV[2])
local before = redis.call('GET', KEYS[1])
if before and tonumber(before) >= now then return 'conflict' end
if till >= now then redis.call('SET', KEYS[1], ARGV[2], 'PX', ttl(till - now)) end
return 'ok'
`)

	// scriptAcquire: KEYS lease. ARGV now, ttl. The fence outlives the lease by an
	// hour; after that the clock alone makes the next one greater.
	scriptAcquire = newScript(`
local now, before = clock(ARGV[1]), redis.call('GET', KEYS[1])
local fence = now * 1000
if before then
  local f, till = before:match('^(%d+) (%d+)$')
  if now < tonumber(till) then return false end
  fence = math.max(fence, tonumber(f) + 1)
end
redis.call('SET', KEYS[1], num(fence) .. ' ' .. num(now + ARGV[2]), 'PX', num(ARGV[2] + 3600000))
return num(fence)
`)

	// scriptLease prolongs a lease, or gives it back: KEYS lease. ARGV now, fence, ttl.
	scriptLease = newScript(`
local now, before = clock(ARGV[1]), redis.call('GET', KEYS[1])
if not before then return 'conflict' end
local f, till = before:match('^(%d+) (%d+)$')
if f ~= ARGV[2] or now >= tonumber(till) then return 'conflict' end
redis.call('SET', KEYS[1], f .. ' ' .. num(now + ARGV[3]), 'PX', num(ARGV[3] + 3600000))
return 'ok'
`)
)
