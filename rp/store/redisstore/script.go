package redisstore

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/redis/rueidis"
)

// A script is one atomic step on the server. All its keys are in one slot.
type script struct{ text, sha string }

// What a server that is full (maxmemory, noeviction) lets a script do. Its first
// line says so; see the chapter on script flags of the documentation of Redis 7.
const (
	adds  = "#!lua\n"                 // brings new sessions: refused while the server is full
	keeps = "#!lua flags=allow-oom\n" // changes, ends or forgets what there is: allowed
)

func newScript(first, text string) *script {
	text = first + prelude + text
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
	b := s.db.B()
	cmds := make([]rueidis.Completed, len(calls))
	for i, c := range calls {
		cmds[i] = b.Evalsha().Sha1(sc.sha).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build()
	}
	results := s.db.DoMulti(ctx, cmds...)
	var unknown []int
	cmds = cmds[:0]
	for i, r := range results {
		if re, ok := rueidis.IsRedisErr(r.Error()); ok && re.IsNoScript() {
			c := calls[i]
			unknown = append(unknown, i)
			again := b.Eval().Script(sc.text).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build()
			cmds = append(cmds, again)
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
	if re, ok := rueidis.IsRedisErr(err); ok && strings.HasPrefix(re.Error(), "OOM") {
		return fmt.Errorf("redisstore: Redis is full: nobody can log in until maxmemory is raised or sessions end: %w",
			err)
	}
	return fmt.Errorf("redisstore: %w", err)
}
