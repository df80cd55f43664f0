package redisstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/rueidis"
)

// textMilestone writes something, so that WAIT on the same connection counts: who
// has got it has got everything that was written before it. KEYS any of the slot.
const textMilestone = keeps + `redis.call('SET', KEYS[1], '', 'PX', 60000) return 0`

// replicated returns when Options.WaitReplicas replicas have what was written in
// the slots of the tags up to now, or with a system failure.
func (s *Store) replicated(ctx context.Context, tags []string) error {
	if s.replicas == 0 {
		return nil
	}
	slices.Sort(tags)
	tags = slices.Compact(tags)
	if s.db.Mode() != rueidis.ClientModeCluster { // one server has them all
		tags = tags[:1]
	}
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	errs := make([]error, len(tags))
	var wg sync.WaitGroup
	for i, tag := range tags {
		wg.Go(func() { errs[i] = s.wait(limited, tag) })
	}
	wg.Wait()
	return s.failure(ctx, errors.Join(errs...))
}

// wait is WAIT on the server that has the tag's slot. It needs a connection of its
// own, because everything else on it would wait as well.
func (s *Store) wait(ctx context.Context, tag string) error {
	patience := s.timeout * 3 / 4 // the answer is to come before ctx is done
	return s.db.Dedicated(func(c rueidis.DedicatedClient) error {
		results := c.DoMulti(ctx,
			c.B().Eval().Script(textMilestone).Numkeys(1).Key(tag+"w").Build(),
			c.B().Wait().Numreplicas(int64(s.replicas)).Timeout(max(1, patience.Milliseconds())).Build())
		if err := results[0].Error(); err != nil {
			return err
		}
		n, err := results[1].AsInt64()
		if err == nil && n < int64(s.replicas) {
			err = fmt.Errorf("after %v the end is on %d replicas and Options.WaitReplicas demands %d: "+
				"it holds here, but a failover may undo it", patience.Round(time.Millisecond), n, s.replicas)
		}
		return err
	})
}
