package redisstore

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

// scriptClaim claims those that are still overdue. It returns each as it was, or
// "", and then for each "keep" if it has to be kept for its new Due, or "". What it
// cannot read is put off and otherwise left alone.
// KEYS due set, records... ARGV now, overdue at, due from now on, keys...
var scriptClaim = newScript(keeps, `
local now, at, hold, n, out = clock(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), #KEYS - 1, {}
for i = 1, n do
  local record, key = KEYS[i + 1], ARGV[i + 3]
  local due = redis.call('ZSCORE', KEYS[1], key)
  out[i], out[n + i] = '', ''
  if due and tonumber(due) <= at then
    local readable, h = pcall(head, record, now)
    if readable and h then
      out[i] = redis.call('GET', record)
      redis.call('SETRANGE', record, DUE - 1, struct.pack('>I8', hold))
      if not ended(h) and short(record, hold, now) then out[n + i] = 'keep' end
    end
    index(KEYS[1], key, (h or not readable) and hold or 0, now)
  end
end
return out
`)

// Claim implements store.Store. It asks all buckets what is overdue, takes the most
// overdue of all, and claims each in its bucket; what somebody else was faster
// with is left out. What is past its time Redis forgets by itself.
func (s *Store) Claim(
	ctx context.Context, owner store.Key, now time.Time, hold time.Duration, limit int,
) ([]store.Record, error) {
	if hold < time.Millisecond {
		return nil, errors.New("redisstore: Claim: hold is below 1 ms")
	}
	if err := ctx.Err(); err != nil || limit < 1 {
		return nil, err
	}
	at := storekit.Millis(now)
	found, err := s.overdue(ctx, &owner, at, min(limit, 1000))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	found = found[:min(limit, len(found))]

	var keys [buckets][]store.Key
	for _, f := range found {
		b := bucketOf(&f.key)
		keys[b] = append(keys[b], f.key)
	}
	c := claim{due: at + hold.Milliseconds()}
	for b, list := range keys {
		if len(list) == 0 {
			continue
		}
		one := call{[]string{s.keyDue(b, &owner)}, []string{s.clock(), decimal(at), decimal(c.due)}}
		for i := range list {
			one.keys = append(one.keys, s.keyRecord(&list[i]))
			one.args = append(one.args, string(list[i][:]))
		}
		c.calls, c.lists = append(c.calls, one), append(c.lists, list)
	}
	return s.claim(ctx, &c)
}

// claim is one call for each bucket and the keys in it.
type claim struct {
	due   int64 // from now on
	calls []call
	lists [][]store.Key
}

func (s *Store) claim(ctx context.Context, c *claim) ([]store.Record, error) {
	var claimed []store.Record
	var failed error
	for i, result := range s.evalAll(ctx, scriptClaim, c.calls) {
		keys := c.lists[i]
		answers, err := result.AsStrSlice()
		if err != nil || len(answers) != 2*len(keys) {
			failed = cmp.Or(failed, s.failure(ctx, err))
			continue
		}
		for j := range keys {
			s.cache.drop(&keys[j])
			if answers[j] == "" {
				continue
			}
			r, err := parse(keys[j], answers[j])
			if err != nil {
				failed = cmp.Or(failed, err)
				continue
			}
			claimed = append(claimed, *r)
			if answers[len(keys)+j] != "" {
				s.keep(ctx, &keys[j], r.Refs, c.due)
			}
		}
	}
	if len(claimed) == 0 {
		return nil, failed // what another bucket gave is worth more than an error that comes again
	}
	slices.SortFunc(claimed, func(a, b store.Record) int { return a.Due.Compare(b.Due) })
	return claimed, nil
}

// Count implements store.CountingStore: one round trip, whatever the number.
func (s *Store) Count(ctx context.Context, owner store.Key) (n int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	cmds := make([]rueidis.Completed, buckets)
	for b := range cmds {
		cmds[b] = s.db.B().Zcard().Key(s.keyDue(b, &owner)).Build()
	}
	for _, result := range s.db.DoMulti(limited, cmds...) {
		due, err := result.AsInt64()
		if err != nil {
			return 0, s.failure(ctx, err)
		}
		n += int(due)
	}
	return n, nil
}

type overdue struct {
	key store.Key
	due float64
}

func (s *Store) overdue(ctx context.Context, owner *store.Key, at int64, limit int) ([]overdue, error) {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	cmds := make([]rueidis.Completed, buckets)
	for b := range cmds {
		cmds[b] = s.db.B().Zrange().Key(s.keyDue(b, owner)).Min("-inf").Max(decimal(at)).
			Byscore().Limit(0, int64(limit)).Withscores().Build()
	}
	var found []overdue
	for _, result := range s.db.DoMulti(limited, cmds...) {
		scores, err := result.AsZScores()
		if err != nil {
			return nil, s.failure(ctx, err)
		}
		for _, z := range scores {
			if len(z.Member) == keySize {
				found = append(found, overdue{store.Key([]byte(z.Member)), z.Score})
			}
		}
	}
	slices.SortFunc(found, func(a, b overdue) int { return cmp.Compare(a.due, b.due) })
	return found, nil
}
