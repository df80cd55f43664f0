// Package redisstore is the [store.Store] of several instances on Redis 7 or later,
// or Valkey: one server, Sentinel or Cluster. An older Redis is refused.
//
// # A hot session is read from local memory
//
// A record that was loaded is kept in memory, and the server sends a word when it
// changes (CLIENT TRACKING). A Load that finds it costs no round trip and no
// allocation. What this instance has changed it forgets before the call returns,
// so nobody reads behind his own write. All is forgotten when a connection is lost.
// A connection that is silently dead is noticed too: four times a second the
// server has to prove that its words arrive, and without a proof that is younger
// than a second, Load asks the server. So an end is seen by all within a second
// in the worst case; it is well below a millisecond as a rule. Acquire asks for
// such a proof before it returns, so who holds a lease reads nothing old.
//
// # What is atomic
//
// Every step is a script that touches one slot of a Cluster; several instances,
// and Creates and Ends of one reference, serialise as the contract demands (see
// Create). Time is the server's, so the instances' clocks may differ. Writes are
// never repeated behind the caller's back.
//
// # Nothing stays for ever
//
// Every key has a TTL, except those of a live session that is never due. A live
// session is kept for [store.Abandoned] after its Due and a day longer, its place in
// the indexes a week longer.
//
// # Durability
//
// It is that of your Redis: with appendfsync everysec a crash of the machine loses
// up to a second, with always nothing. Without an append-only file a restart
// brings back sessions that have ended. A failover loses what the new master had
// not got; a log-out among it is undone, although it was acknowledged. Three
// settings help:
//
//   - Options.WaitReplicas lets End return without an error only when that many
//     replicas have the end (WAIT). An End that fails so has ended the sessions on
//     this master and has returned them; whoever tries again waits again.
//   - min-replicas-to-write 1 and min-replicas-max-lag 10 in redis.conf let a master
//     that is cut off from its replicas refuse all writes after 10 s, log-outs
//     too, instead of taking them and losing them.
//   - With Sentinel or Cluster and one replica for each master, WaitReplicas 1 means
//     that whoever is promoted has every acknowledged end. With more replicas a
//     failover may choose one that has it not: demand all but the one that may fail.
//
// Without WaitReplicas a lost log-out is made good for: each instance ends again what
// it has ended in the last five minutes (10,000 ends at most) as soon as its Watch
// listens again, some seconds after the failover as a rule, ten more if that took long.
// Reason, time and tombstone are the same, and there is no second event. What remains:
//
//   - Until then the session is served.
//   - What an instance ended that has gone since then stays lost, for as long as the
//     session is trusted (that is Config.Absolute for rp.NoToken), and so does what
//     the server lost from longer ago.
//   - A failover that cuts no connection goes unnoticed. (In a Cluster Watch is cut off
//     with any node.)
//
// Everything else is acknowledged by the master alone as well. A failover may lose a
// log-in, which costs the person another one, a lease, and a refreshed token, which
// costs a log-in where the IdP rotates refresh tokens.
//
// # A server that is full
//
// Set maxmemory-policy to noeviction, or sessions and log-outs vanish. When
// maxmemory is reached, Create is a system failure and nobody can log in. All else
// goes on: requests, refreshes, log-outs, back-channel logout, and the sweep of
// expired sessions, which makes room. What these write may exceed maxmemory by a
// little: leave the machine some memory beyond it.
//
// Findings tells what of this does not fit, from INFO; CONFIG is not needed.
//
// # Faults
//
// While the server is away, cut off, silent or slower than Options.Timeout, calls
// are system failures in bounded time; they recover by themselves, on the first
// call after the server is back. Watch returns when its connection is lost, which
// a silent one is after twice the Timeout. A record that this version of Tandem
// cannot read is a system failure and is left alone.
//
// # Numbers
//
// On 2 cores with the server on the same machine, records of 3 KB: Load hot
// 0.07 µs, cold 40 µs (a GET alone: 39; 64 at a time 10 and 9), Touch 42 µs, Replace 84 µs,
// Create and End together 0.3 ms, Claim with nothing due 0.15 ms. The server holds
// about 1.1 KB per session beside the sealed bytes. 64 MiB of records are kept in
// local memory (Options.CacheBytes). Claim hands out at most 1000 from each of its
// 64 buckets.
package redisstore
