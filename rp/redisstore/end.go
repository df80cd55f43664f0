package redisstore

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/storekit"
)

const (
	tagSize  = 8
	keySize  = len(rp.Key{})
	endBatch = 256 // sessions ended in one round trip
)

// End implements rp.Store.
func (s *Store) End(ctx context.Context, sel rp.Selector, end rp.End) ([]rp.Record, error) {
	if err := sel.Check(); err != nil {
		return nil, err
	}
	if err := end.Check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if sel.Ref == (rp.Key{}) {
		return s.end(ctx, sel, end, []member{{key: sel.Key}})
	}
	msg, err := s.eval(ctx, scriptBury, s.keysRef(&sel.Ref),
		s.clock(), begunBy(sel), decimal(storekit.Millis(end.Until)))
	if err != nil {
		return nil, err
	}
	fields, err := msg.AsStrSlice()
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	var ended []rp.Record
	for batch := range slices.Chunk(members(fields), endBatch) {
		some, err := s.end(ctx, sel, end, batch)
		if ended = append(ended, some...); err != nil {
			return ended, err
		}
	}
	return ended, nil
}

func begunBy(sel rp.Selector) string {
	if ms := storekit.Millis(sel.BegunBy); ms != 0 {
		return decimal(ms)
	}
	return "any"
}

// member is a field of an index.
type member struct {
	key rp.Key
	tag string
}

func members(fields []string) []member {
	var list []member
	for _, f := range fields {
		if len(f) == keySize+tagSize {
			list = append(list, member{rp.Key([]byte(f[:keySize])), f[keySize:]})
		}
	}
	return list
}

// end ends those of list that match. After an error it returns what it knows to
// have ended.
func (s *Store) end(ctx context.Context, sel rp.Selector, end rp.End, list []member) ([]rp.Record, error) {
	ref, idle := "", ""
	if sel.Ref != (rp.Key{}) {
		ref = string(sel.Ref[:])
	}
	if !sel.IdleSince.IsZero() {
		idle = decimal(storekit.Millis(sel.IdleSince))
	}
	calls := make([]call, len(list))
	for i, m := range list {
		calls[i] = call{s.keysSession(&m.key), []string{
			s.clock(), string(m.key[:]), ref, m.tag, begunBy(sel), fmt.Sprint(sel.Version), idle,
			string(end.Reason), decimal(storekit.Millis(end.At)), decimal(storekit.Millis(end.Until)), s.channel,
		}}
	}
	var ended []rp.Record
	var failed error
	var over, stale []string // fields whose marks are no longer needed
	var refs [][]rp.Key
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
			r.End = rp.End{Reason: end.Reason,
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
			s.forgetMarks(ctx, []rp.Key{sel.Ref}, f)
		}
	}
	return ended, failed
}

// forgetMarks removes a session that is over from the indexes. If that fails,
// Settle comes by once more, and who finds the mark sees that it is stale.
func (s *Store) forgetMarks(ctx context.Context, refs []rp.Key, field string) {
	cmds := make([]rueidis.Completed, len(refs))
	for i := range refs {
		cmds[i] = s.db.B().Hdel().Key(s.keysRef(&refs[i])[0]).Field(field).Build()
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	s.db.DoMulti(limited, cmds...)
}

// List implements rp.Store.
func (s *Store) List(ctx context.Context, ref rp.Key) ([]rp.Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	fields, err := s.db.Do(limited, s.db.B().Hkeys().Key(s.keysRef(&ref)[0]).Build()).AsStrSlice()
	if err != nil {
		return nil, s.failure(ctx, err)
	}
	seen := make(map[rp.Key]bool)
	var live []rp.Record
	for _, m := range members(fields) {
		if seen[m.key] {
			continue
		}
		seen[m.key] = true
		r, err := s.read(ctx, m.key)
		if err != nil {
			return nil, err
		}
		if r != nil && !r.Ended() && slices.Contains(r.Refs, ref) {
			live = append(live, *r)
		}
	}
	return live, nil
}

// Claim implements rp.Store. It asks all buckets what is overdue, takes the most
// overdue of all, and claims each in its bucket; what somebody else was faster
// with is left out.
func (s *Store) Claim(ctx context.Context, now time.Time, hold time.Duration, limit int) ([]rp.Record, error) {
	if hold < time.Millisecond {
		return nil, errors.New("redisstore: Claim: hold is below 1 ms")
	}
	if err := ctx.Err(); err != nil || limit < 1 {
		return nil, err
	}
	at := storekit.Millis(now)
	found, err := s.overdue(ctx, at, min(limit, 1000))
	if err != nil || len(found) == 0 {
		return nil, err
	}
	found = found[:min(limit, len(found))]

	var keys [buckets][]rp.Key
	for _, f := range found {
		b := bucketOf(&f.key)
		keys[b] = append(keys[b], f.key)
	}
	var calls []call
	var order []rp.Key // in which the answers come
	var sizes []int
	for b, list := range keys {
		if len(list) == 0 {
			continue
		}
		c := call{[]string{s.keyDue(b)}, []string{s.clock(), decimal(at), decimal(at + hold.Milliseconds())}}
		for i := range list {
			c.keys = append(c.keys, s.keyRecord(&list[i]))
			c.args = append(c.args, string(list[i][:]))
		}
		calls, order, sizes = append(calls, c), append(order, list...), append(sizes, len(list))
	}
	return s.claim(ctx, calls, order, sizes)
}

func (s *Store) claim(ctx context.Context, calls []call, order []rp.Key, sizes []int) ([]rp.Record, error) {
	var claimed []rp.Record
	var failed error
	for i, result := range s.evalAll(ctx, scriptClaim, calls) {
		keys := order[:sizes[i]]
		order = order[sizes[i]:]
		blobs, err := result.AsStrSlice()
		if err != nil || len(blobs) != len(keys) {
			failed = cmp.Or(failed, s.failure(ctx, err))
			continue
		}
		for j, blob := range blobs {
			s.cache.drop(&keys[j])
			if blob == "" {
				continue
			}
			if r, err := parse(keys[j], blob); err != nil {
				failed = cmp.Or(failed, err)
			} else {
				claimed = append(claimed, *r)
			}
		}
	}
	if len(claimed) == 0 {
		return nil, failed // what another bucket gave is worth more than an error that comes again
	}
	slices.SortFunc(claimed, func(a, b rp.Record) int { return a.Due.Compare(b.Due) })
	return claimed, nil
}

type overdue struct {
	key rp.Key
	due float64
}

func (s *Store) overdue(ctx context.Context, at int64, limit int) ([]overdue, error) {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	cmds := make([]rueidis.Completed, buckets)
	for b := range cmds {
		cmds[b] = s.db.B().Zrange().Key(s.keyDue(b)).Min("-inf").Max(decimal(at)).
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
				found = append(found, overdue{rp.Key([]byte(z.Member)), z.Score})
			}
		}
	}
	slices.SortFunc(found, func(a, b overdue) int { return cmp.Compare(a.due, b.due) })
	return found, nil
}
