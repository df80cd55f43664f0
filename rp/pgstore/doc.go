// Package pgstore is the [rp.Store] of several instances on PostgreSQL 13 or later.
//
// The tables live in a schema of their own. [Migrate] creates them, as does
// Options.Migrate. The connection must be a direct one or, behind PgBouncer, in
// session pooling: LISTEN and prepared statements need it.
//
// # What is atomic
//
// Every call is one transaction; those of one or two statements take one round
// trip. Create and End of one reference serialise over its advisory lock, all
// else over rows. Time is the server's, so the instances' clocks may differ.
// Nothing is kept in local memory: a change is seen by all when the call returns.
// Watch uses LISTEN and NOTIFY; a Touch or a Create notifies nobody.
//
// # Durability
//
// It is that of your PostgreSQL, but for Touch: that does not wait for the disk
// (synchronous_commit off), so a crash of the server may lose the touches of its
// last half second or so (three times wal_writer_delay).
//
// # Faults
//
// While the server is away, cut off, silent or slower than Options.Timeout, calls
// are system failures in bounded time. They recover by themselves, on the first
// call after the server is back. Watch returns when its connection is lost, which
// a silent one is after a second and the Timeout.
//
// # Numbers
//
// On 2 cores with the server on the same machine, records of 3 KB: Load 0.07 to
// 0.13 ms, Touch 0.12 ms, Replace 0.16 ms, Create and End together 0.6 ms, Claim
// with nothing due 0.2 ms; what a commit waits for the disk comes on top of
// Replace, Create and End. Ended records, tombstones, once-ids and leases that
// are over go with Claim, up to 1000 of each at a time.
package pgstore
