// Package pgstore is a [store.Store] for several instances, on PostgreSQL 13 or later.
//
// The tables live in a schema of their own. [Migrate] creates them, as does
// Options.Migrate. Several apps, clients and providers can share one schema.
//
// # Connections
//
// A Store has a pool of connections (pool_max_conns in the URL, by default four or one per
// core) and two more while Watch runs. They are direct, or go through PgBouncer in session
// pooling with its defaults. Transaction pooling does not work: Open notices that LISTEN
// receives nothing, and refuses. If the URL has several hosts, the one that accepts writes is
// used.
//
// # What is atomic
//
// Every call is one transaction; a call of one or two statements takes one round trip. Create
// and End of one reference serialise on a row for that reference, all other calls on the
// sessions' rows. Locks are taken in one order, and a call waits for a lock no longer than
// Options.Timeout. Time is the server's, so the instances' clocks may differ.
//
// Nothing is cached in local memory: every instance sees a change when the call returns, and
// so a Load after Acquire sees what a former holder of the lease wrote.
//
// # Watch
//
// Replace and End write a line into a log of changes, in the same transaction. Watch reads
// that log when an instance sends a notification, and four times a second in any case. A
// Touch or a Create is not reported.
//
// # Durability
//
// Durability is that of your PostgreSQL. Unless replication is synchronous, a standby that is
// promoted lacks the writes that it had not received, log-outs too. Each instance ends again
// the sessions that it ended in the last five minutes (10,000 ends at most) as soon as its
// Watch listens again. If an instance is gone since then, its ends stay lost.
//
// Touch is the exception: it does not wait for the disk
// (synchronous_commit off), so a crash of the server may lose the touches of its
// last half second or so (three times wal_writer_delay). The log of changes is an unlogged
// table: a crash may empty it, which does no harm, because Watch then starts again.
//
// # Faults
//
// While the server is down, cut off, silent or slower than Options.Timeout, calls are system
// failures in bounded time. They work again with the first call after the server is back.
// Watch returns when its connection is lost; a silent connection counts as lost after a
// quarter of a second and the Timeout.
//
// # Other roles of the same server
//
// A role needs rights on the tables to read, change, end or delay a session. In PostgreSQL
// every role that may connect to the database may NOTIFY and take advisory locks. A NOTIFY
// only makes Watch read once more, a hundred times a second at most; advisory locks are not
// used. Such a role can still see by LISTEN that something changed (not what), use up the
// server's connections, processors and disk, and fill its queue of notifications: then a
// change is seen after a quarter of a second instead of some milliseconds, and Open, which
// must receive a notification, fails. REVOKE CONNECT ON DATABASE … FROM PUBLIC keeps such
// roles out.
//
// # Numbers
//
// On 2 cores with the server on the same machine, records of 3 KB: Load 0.04 to
// 0.06 ms, Touch 0.07 to 0.09 ms, Replace 0.1 to 0.15 ms, Create and End together
// 0.5 ms, Claim with nothing due 0.15 to 0.25 ms; for Replace, Create and End add the time
// that a commit waits for the disk. Another instance's Watch usually reports an end after 10
// ms. Claim deletes records that are past their time, and live sessions 30 days after their
// Due, up to 10,000 of each kind at a time.
package pgstore
