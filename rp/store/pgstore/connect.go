package pgstore

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// parseURL reads the URL. Of several hosts the one that takes writes counts: a
// standby would show sessions as they were.
func parseURL(url string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil { // err may quote the password
		return nil, errors.New("pgstore: the URL is not one of PostgreSQL: postgres://user:password@host:5432/database")
	}
	config.ConnConfig.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	return config, nil
}

// settings makes a new connection what the statements count on. They are set
// here and not asked for at the start of the connection, because PgBouncer
// refuses what it does not know.
//
// Functions and operators come from pg_catalog alone: until PostgreSQL 15 every
// role may create others in the schema public. A plan is kept as long as its
// connection, so it must not count on tables that are still small. If this
// machine dies in the midst of a statement, the server notices it after half a
// minute and not, as is usual, after two hours; until then its locks stand.
//
// The timeout is that of a statement; 0 means none.
func settings(timeout time.Duration) pgconn.AfterConnectFunc {
	sql := fmt.Sprintf(`SET search_path = pg_catalog, pg_temp;
SET default_transaction_isolation = 'read committed';
SET statement_timeout = %d;
SET enable_seqscan = off;
SET jit = off;
SET tcp_keepalives_idle = 10;
SET tcp_keepalives_interval = 5;
SET tcp_keepalives_count = 4`, (timeout+time.Millisecond-1)/time.Millisecond)
	return func(ctx context.Context, conn *pgconn.PgConn) error {
		_, err := conn.Exec(ctx, sql).ReadAll()
		return err
	}
}

// heardWithin is how long a notification may take when the Store is opened.
const heardWithin = 2 * time.Second

// errPooler is the error of checkListen where nothing is heard.
var errPooler = errors.New("pgstore: LISTEN hears nothing of a NOTIFY on another connection: between this program " +
	"and PostgreSQL there is a pooler that gives each transaction another connection (PgBouncer: pool_mode = " +
	"transaction or statement), which breaks prepared statements as well; use session pooling or a direct connection")

// checkListen refuses a pooler that hands out connections by the transaction:
// what one connection notifies has to be heard on another. It is asked before
// anything else, because settings would stay with the pooler's connections.
func checkListen(ctx context.Context, config *pgx.ConnConfig, timeout time.Duration) error {
	heard := make(chan struct{}, 1)
	listening := config.Config.Copy()
	listening.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) { wake(heard) }
	channel := `"tandem_` + rand.Text() + `"` // nobody else's, and never used again

	listener, err := pgconn.ConnectConfig(ctx, listening)
	if err != nil {
		return failure(ctx, err)
	}
	defer hangUp(ctx, listener, timeout)
	other, err := pgconn.ConnectConfig(ctx, config.Config.Copy())
	if err != nil {
		return failure(ctx, err)
	}
	defer hangUp(ctx, other, timeout)

	if err := exec(ctx, listener, timeout, "LISTEN "+channel); err != nil {
		return failure(ctx, err)
	}
	if err := exec(ctx, other, timeout, "NOTIFY "+channel); err != nil {
		return failure(ctx, err)
	}
	limited, cancel := context.WithTimeout(ctx, heardWithin)
	defer cancel()
	err = listener.WaitForNotification(limited)
	switch {
	case len(heard) > 0:
		return nil
	case ctx.Err() == nil && pgconn.Timeout(err):
		return errPooler
	}
	return failure(ctx, err)
}

// exec runs a statement on a connection that is not the pool's.
func exec(ctx context.Context, conn *pgconn.PgConn, timeout time.Duration, sql string) error {
	limited, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	_, err := conn.Exec(limited, sql).ReadAll()
	return err
}

// hangUp ends a connection in good order, if the server is quick.
func hangUp(ctx context.Context, conn *pgconn.PgConn, timeout time.Duration) {
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	_ = conn.Close(closing)
}
