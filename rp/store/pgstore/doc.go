// Package pgstore is the [store.Store] of several instances on PostgreSQL 13 or later.
//
// The tables live in a schema of their own. [Migrate] creates them, as does
// Options.Migrate. Several apps, clients and providers can share one schema.
//
// # Connections
//
// A Store has a pool of connections (pool_max_conns in the URL, by default four or
// one per core) and two more while its changes are watched. They are direct ones or
// go through PgBouncer in session pooling, whose defaults will do. Transaction
// pooling does not: Open notices that LISTEN hears nothing, and refuses. Of several
// hosts in the URL the one that takes writes is used.
//
// # What is atomic
//
// Every call is one transaction; those of one or two statements take one round
// trip. Create and End of one reference serialise over a row that stands for it,
// all else over the sessions' rows. Locks are taken in one order, and no longer
// waited for than Options.Timeout. Time is the server's, so the instances' clocks
// may differ.
//
// Nothing is kept in local memory: a change is seen by every instance when the call
// returns, and so a Load after Acquire sees what a former holder of the lease wrote.
//
// # Watch
//
// Replace and End leave a line in a log of changes, in the same transaction, and
// Watch reads that log: when an instance notifies that there is something new, and
// four times a second in any case. A Touch or a Create is not reported.
//
// # Durability
//
// It is that of your PostgreSQL. A standby that is promoted lacks what it had not got
// yet, log-outs among it, unless replication is synchronous. Each instance ends again
// what it has ended in the last five minutes (10,000 ends at most) as soon as its Watch
// listens again. What an instance ended that has gone since then stays lost.
//
// Touch is the exception: it does not wait for the disk
// (synchronous_commit off), so a crash of the server may lose the touches of its
// last half second or so (three times wal_writer_delay). The log of changes is an
// unlogged table: what a crash takes from it nobody misses, because Watch begins
// anew.
//
// # Faults
//
// While the server is away, cut off, silent or slower than Options.Timeout, calls
// are system failures in bounded time. They recover by themselves, on the first
// call after the server is back. Watch returns when its connection is lost, which
// a silent one is after a quarter of a second and the Timeout.
//
// # Other roles of the same server
//
// A role needs rights on the tables to read, change, end or hold up a session.
// PostgreSQL lets every role that may connect to the database NOTIFY and take
// advisory locks: the former only has Watch look once more, a hundred times a
// second at most; the latter are not used. Such a role can still see by LISTEN that
// something changed (not what), use up the server's connections, processors and
// disk, and fill its queue of notifications: then a change is seen after a quarter
// of a second instead of some milliseconds, and Open, which has to hear one, fails.
// REVOKE CONNECT ON DATABASE … FROM PUBLIC keeps such roles out.
//
// # Numbers
//
// On 2 cores with the server on the same machine, records of 3 KB: Load 0.04 to
// 0.06 ms, Touch 0.07 to 0.09 ms, Replace 0.1 to 0.15 ms, Create and End together
// 0.5 ms, Claim with nothing due 0.15 to 0.25 ms; what a commit waits for the disk
// comes on top of Replace, Create and End. Another instance's Watch reports an end
// after 10 ms as a rule. What is over, and live sessions 30 days after their Due, go
// with Claim, up to 10,000 of each kind at a time.
package pgstore
