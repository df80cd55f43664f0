package redisstore

import (
	"fmt"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// maxHead is the longest head: with a reason of 64 bytes and all references.
const maxHead = storekit.HeadSize + 64 + store.MaxRefs*keySize

// prelude is the beginning of every script. It reads records; rp/store/internal/storekit
// says where things are in them.
var prelude = constants() + preludeText

func constants() string {
	var b strings.Builder
	for _, c := range []struct {
		name string
		at   int
	}{
		{"VERSION", storekit.OffVersion}, {"BEGUN", storekit.OffBegun}, {"ACTIVE", storekit.OffActive},
		{"DUE", storekit.OffDue}, {"AT", storekit.OffAt}, {"UNTIL", storekit.OffUntil}, {"TAG", storekit.OffTag},
		{"ISSUED", storekit.OffIssued}, {"OWNER", storekit.OffOwner}, {"REASON", storekit.OffReason},
		{"REFS", storekit.OffRefs}, {"REST", storekit.HeadSize},
	} {
		fmt.Fprintf(&b, "local %s = %d\n", c.name, c.at+1) // Lua counts from 1
	}
	fmt.Fprintf(&b, "local LAYOUT, MAXHEAD, DAMAGED = %d, %d, %q\n", storekit.Layout, maxHead, storekit.ErrHead)
	fmt.Fprintf(&b, "local ABANDONED, DAY = %d, %d\n", store.Abandoned.Milliseconds(), (24 * time.Hour).Milliseconds())
	return b.String()
}

const preludeText = `
local function clock(s)
  if s ~= '' then return tonumber(s) end
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function int(b, at) return (struct.unpack('>I8', b, at)) end
local function num(n) return string.format('%.0f', n) end

local function ended(h) return h:byte(REASON) > 0 end

-- The head of a record: false if there is none, or only one to be forgotten. What
-- is not of this layout is nobody's to touch.
local function head(key, now)
  local h = redis.call('GETRANGE', key, 0, MAXHEAD - 1)
  if h == '' then return false end
  if h:byte(1) ~= LAYOUT then error(DAMAGED) end
  local over
  if ended(h) then
    over = int(h, UNTIL) < now
  else
    local due = int(h, DUE)
    over = due > 0 and due + ABANDONED <= now
  end
  if over then
    redis.call('DEL', key)
    return false
  end
  return h
end
local function refs(h)
  local list, has, at = {}, {}, REST + h:byte(REASON)
  for i = 1, h:byte(REFS) do
    local ref = h:sub(at, at + 31)
    list[i], has[ref], at = ref, true, at + 32
  end
  return list, has
end

-- A tombstone and a mark both begin with two times, see rp/store/internal/storekit's
-- Tombstone: "begun by:issued by" and "begun:issued:nonce".
local function pair(s)
  local begun, issued = s:match('^(%d+):(%d+)')
  return tonumber(begun) or 0, tonumber(issued) or 0
end
local function forbids(tomb, begun, issued)
  local begunby, issuedby = pair(tomb)
  return begun <= begunby or (issued > 0 and issued < issuedby)
end

-- Keys stay a minute longer than they count, for clocks that differ.
local function ttl(ms) return num(math.max(ms, 0) + 60000) end

-- How long Redis keeps what belongs to a live session: until it is abandoned, and
-- some days longer, so that not every change of Due has to prolong it.
local function life(due, now, days) return math.max(due - now, 0) + ABANDONED + days * DAY end

-- Does Redis forget a live session too early, now that it is due then?
local function short(key, due, now)
  local left = redis.call('PTTL', key)
  if left < 0 then return due > 0 end
  return due == 0 or left < life(due, now, 0)
end

-- place gives a record its place among what is due of its owner. index does so too,
-- and lets the set stay until all in it is abandoned.
local function place(set, key, due)
  if due == 0 then redis.call('ZREM', set, key) else redis.call('ZADD', set, num(due), key) end
end
local function index(set, key, due, now)
  place(set, key, due)
  if due > 0 and redis.call('PTTL', set) < life(due, now, 1) then redis.call('PEXPIRE', set, ttl(life(due, now, 2))) end
end
local function dueset(stem, h) return stem .. h:sub(OWNER, OWNER + 31) end
`
