package pgstore

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// Pool is where the calls run.
func (s *Store) Pool() *pgxpool.Pool { return s.pool }

// KeepChanges sets how long a change stays in the log. Call it before Watch.
func (s *Store) KeepChanges(d time.Duration) { s.keep = d }

// Version is that of the tables.
const Version = version
