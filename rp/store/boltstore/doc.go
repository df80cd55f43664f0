// Package boltstore is a [store.Store] for one process. Its sessions survive a restart: one
// file, nothing to set up. It is the default for a single instance; instances that share
// sessions need redisstore or pgstore. The file is bbolt's; a second process that opens it
// gets an error.
//
// # Durability
//
// Every write except Touch is on disk when the call returns: if the process is killed, or the
// machine loses power, no session is lost and no ended session comes back. A touch is kept in
// memory for Options.FlushEvery, 1 second by default, plus the commits in between; after a
// crash a session's last activity may be that much older. Close writes it.
//
// If the disk is full or fails, the calls that write are system failures and change nothing.
// Load still works. Touch fails too from then on, until a write has succeeded. No restart is
// needed.
//
// One writer carries out all writing calls one after the other, and Load sees the result of
// each. So the next holder of a lease sees what the former holder wrote.
//
// # Versions
//
// A file has the layout of the version of Tandem that wrote it. Open refuses a file of an
// older or newer layout, leaves it as it is and says what to do. Nothing is converted: with a
// new file everybody only has to log in again.
//
// # Numbers
//
// On 2 cores and an SSD, records of 3 KB: Load from memory 0.06 µs, from the file
// 2.7 µs; Touch 0.4 µs; a lone Replace 0.6 ms, which is the disk's sync; 64 at a
// time share commits, 0.06 ms each. The file needs some 5 KB per session of 3 KB. It does not
// shrink, but free space is used again. Limits: those of the contract, and the disk.
//
// Later writes and Claim delete ended records, tombstones, once-ids and leases that are past
// their time. A live session that no client claims any more is deleted by any client's Claim,
// from 30 days after its Due on. One Claim deletes a bounded number of each, so that nobody
// waits for it; the next Claim goes on.
package boltstore
