package redisstore

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/storekit"
)

var errLost = errors.New("redisstore: the connection of Watch is lost")

// message is what is published of a change: key, version, reason.
func message(c rp.Change) string {
	return string(append(binary.BigEndian.AppendUint64(c.Key[:], c.Version), c.Reason...))
}

func parseMessage(m string) (c rp.Change, ok bool) {
	if len(m) < keySize+8 {
		return c, false
	}
	return rp.Change{
		Key:     rp.Key([]byte(m[:keySize])),
		Version: binary.BigEndian.Uint64([]byte(m[keySize:])),
		Reason:  rp.Reason(m[keySize+8:]),
	}, true
}

// Watch implements rp.Store, on a connection of its own.
func (s *Store) Watch(ctx context.Context, fn func(rp.Change)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	conn, putBack := s.db.Dedicate()
	defer putBack()
	defer conn.Close() // it would have to be unsubscribed otherwise, and may be dead
	queue := storekit.NewQueue()
	lost := conn.SetPubSubHooks(rueidis.PubSubHooks{OnMessage: func(m rueidis.PubSubMessage) {
		c, ok := parseMessage(m.Message)
		if ok {
			s.cache.drop(&c.Key) // this word may be faster than the one on the reader's connection
		}
		queue.Add(c) // zero, if somebody else uses the channel
	}})
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	err := conn.Do(limited, conn.B().Subscribe().Channel(s.channel).Build()).Error()
	cancel()
	if err != nil {
		return s.failure(ctx, err)
	}
	return s.failure(ctx, queue.Run(ctx, lost, errLost, fn))
}
