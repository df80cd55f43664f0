package pgstore

import (
	"context"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/tandem-sso/tandem/rp"
)

// watchBeat is how often Watch looks whether its connection still answers.
const watchBeat = time.Second

// Watch implements rp.Store, on a connection of its own.
func (s *Store) Watch(ctx context.Context, fn func(rp.Change)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, s.pool.Config().ConnConfig)
	if err != nil {
		return failure(ctx, err)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout)
		defer cancel()
		_ = conn.Close(closing)
	}()
	if err := s.ask(ctx, conn, s.sql.listen); err != nil {
		return err
	}
	for c := (rp.Change{}); ; {
		fn(c)
		if c, err = s.next(ctx, conn); err != nil {
			return failure(ctx, err)
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

// next waits for a change, and from time to time for a proof that the
// connection is not dead.
func (s *Store) next(ctx context.Context, conn *pgx.Conn) (rp.Change, error) {
	for {
		beat, cancel := context.WithTimeout(ctx, watchBeat)
		n, err := conn.WaitForNotification(beat)
		cancel()
		switch {
		case err == nil:
			return parsePayload(n.Payload), nil
		case ctx.Err() != nil || !pgconn.Timeout(err):
			return rp.Change{}, err
		}
		if err := s.ask(ctx, conn, "SELECT"); err != nil {
			return rp.Change{}, err
		}
	}
}

func (s *Store) ask(ctx context.Context, conn *pgx.Conn, sql string) error {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	_, err := conn.Exec(limited, sql)
	return failure(ctx, err)
}

// parsePayload is the reverse of payload. What somebody else has sent becomes
// "look at everything".
func parsePayload(p string) (c rp.Change) {
	parts := strings.SplitN(p, ":", 3)
	if len(parts) != 3 {
		return rp.Change{}
	}
	key, err := hex.DecodeString(parts[0])
	if err != nil || len(key) != keySize {
		return rp.Change{}
	}
	version, err := strconv.ParseUint(parts[1], 10, 64)
	if err != nil {
		return rp.Change{}
	}
	return rp.Change{Key: rp.Key(key), Version: version, Reason: rp.Reason(parts[2])}
}
