package pgstore

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tandem-sso/tandem/rp/store"
)

const (
	// watchGap is the least time from one look into the log of changes to the
	// next, however often somebody notifies.
	watchGap = 10 * time.Millisecond
	// watchEvery is the time to the next look if nobody notifies. It keeps C8
	// where a notification is lost or has to wait behind a flood of others.
	watchEvery = 250 * time.Millisecond
	// listenBeat is how often the listening connection has to prove that it is
	// not dead, and the pause before the next one.
	listenBeat = time.Second
	// keepChanges is how long a change stays in the log.
	keepChanges = time.Minute
)

// Watch implements store.Store, on two connections of its own. What it reports it
// has read in the log of changes, which only this package's role can write to.
// NOTIFY is open to every role, so it only says when to look.
func (s *Store) Watch(ctx context.Context, fn func(store.Change)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	reader, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return failure(ctx, err)
	}
	defer hangUp(ctx, reader.PgConn(), s.timeout)
	log := changeLog{conn: reader, sql: s.sql.changes, keep: s.keep}
	if _, err := s.look(ctx, &log); err != nil { // from here on nothing is missed
		return err
	}

	bell := make(chan struct{}, 1)
	var listening sync.WaitGroup
	defer listening.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	listening.Go(func() { s.listen(ctx, bell) })

	for changes := []store.Change{{}}; ; {
		for _, c := range changes {
			if err := ctx.Err(); err != nil {
				return err
			}
			fn(c)
		}
		if !wait(ctx, time.After(watchGap)) {
			return ctx.Err()
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-bell:
		case <-time.After(watchEvery - watchGap):
		}
		if changes, err = s.look(ctx, &log); err != nil {
			return err
		}
	}
}

// changeLog is how far the log of changes has been read.
type changeLog struct {
	conn *pgx.Conn
	sql  string
	keep time.Duration

	// As of the last look: which transactions were over, and the server's time.
	// Numbers would not do: the one that draws the lower may be over later.
	snapshot string
	at       int64
}

func (s *Store) look(ctx context.Context, log *changeLog) ([]store.Change, error) {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	changes, err := log.next(limited)
	return changes, failure(ctx, err)
}

// next returns what has been committed since the last call. The first one
// returns nothing. After a pause in which something may have been forgotten it
// returns a zero Change instead.
func (l *changeLog) next(ctx context.Context) ([]store.Change, error) {
	rows, err := l.conn.Query(ctx, l.sql, l.snapshot)
	if err != nil {
		return nil, err
	}
	was := *l
	var changes []store.Change
	var snapshot, reason string
	var at, version int64
	var key []byte
	_, err = pgx.ForEachRow(rows, []any{&snapshot, &at, &key, &version, &reason}, func() error {
		if snapshot != "" {
			l.snapshot, l.at = snapshot, at
		} else if len(key) == keySize {
			changes = append(changes, store.Change{Key: store.Key(key), Version: uint64(version),
				Reason: string(reason)})
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case was.snapshot == "":
		return nil, nil
	case l.at-was.at > l.keep.Milliseconds()/2:
		return []store.Change{{}}, nil
	}
	return changes, nil
}

// listen rings when somebody notifies, until ctx is done. What it cannot hear is
// seen at the next look.
func (s *Store) listen(ctx context.Context, bell chan<- struct{}) {
	config := s.pool.Config().ConnConfig.Config.Copy()
	config.AfterConnect = nil
	config.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) { wake(bell) }
	for ctx.Err() == nil {
		if conn, err := pgconn.ConnectConfig(ctx, config); err == nil {
			if exec(ctx, conn, s.timeout, s.sql.listen) == nil {
				wake(bell) // to what was notified before
				s.hear(ctx, conn)
			}
			hangUp(ctx, conn, s.timeout)
		}
		wait(ctx, time.After(listenBeat))
	}
}

// hear returns when the connection is lost.
func (s *Store) hear(ctx context.Context, conn *pgconn.PgConn) {
	for {
		beat, cancel := context.WithTimeout(ctx, listenBeat)
		heard := false
		err := conn.WaitForNotification(beat)
		for ; err == nil; err = conn.WaitForNotification(beat) {
			heard = true
		}
		cancel()
		if ctx.Err() != nil || !pgconn.Timeout(err) {
			return
		}
		if !heard && exec(ctx, conn, s.timeout, "SELECT") != nil {
			return
		}
	}
}

// notify rings the bells of all instances.
func (s *Store) notify(ctx context.Context) {
	_ = s.do(ctx, false, func(ctx context.Context) error { // what is not heard is seen at the next look
		_, err := s.pool.Exec(ctx, s.sql.notify)
		return err
	})
}
