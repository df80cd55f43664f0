package redisstore

import (
	"context"
	"encoding/binary"
	"errors"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/internal/storekit"
)

var (
	errLost  = errors.New("redisstore: the connection of Watch is lost")
	errMoved = errors.New("redisstore: the connection to a node of the Cluster was lost")
)

// message is what is published of a change: key, version, reason.
func message(c store.Change) string {
	return string(append(binary.BigEndian.AppendUint64(c.Key[:], c.Version), c.Reason...))
}

func parseMessage(m string) (c store.Change, ok bool) {
	if len(m) < keySize+8 {
		return c, false
	}
	return store.Change{
		Key:     store.Key([]byte(m[:keySize])),
		Version: binary.BigEndian.Uint64([]byte(m[keySize:])),
		Reason:  string(m[keySize+8:]),
	}, true
}

// Watch implements store.Store, on a connection of its own. In a Cluster it returns also
// when the connection to another node was lost: what that node had published, or even
// acknowledged, may be lost as well.
func (s *Store) Watch(ctx context.Context, fn func(store.Change)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var moved <-chan struct{}
	if s.db.Mode() == rueidis.ClientModeCluster {
		moved = s.tracked.next()
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
	over, done := make(chan error, 1), make(chan struct{})
	defer close(done)
	go func() {
		select {
		case err := <-lost:
			over <- err
		case <-moved:
			over <- errMoved
		case <-done:
		}
	}()
	return s.failure(ctx, queue.Run(ctx, over, errLost, fn))
}
