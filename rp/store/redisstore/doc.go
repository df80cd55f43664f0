// Package redisstore is a [store.Store] for several instances, on Redis 7 or later, or
// Valkey: one server, Sentinel or Cluster. An older Redis is refused.
//
// # A hot session is read from local memory
//
// A loaded record is cached in memory, and the server sends a message when it changes (CLIENT
// TRACKING). A Load from the cache costs no round trip and no allocation. This instance drops
// a record that it changes before the call returns, so it always reads its own writes. When a
// connection is lost, the whole cache is dropped. A silently dead connection is noticed too:
// four times a second the server must prove that its messages arrive, and if the last proof
// is older than a second, Load asks the server. So all instances see an end within a second
// in the worst case, and usually in well below a millisecond. Acquire asks for such a proof
// before it returns, so the holder of a lease reads nothing old.
//
// # What is atomic
//
// Every step is a script on one slot of a Cluster; several instances, and Creates and Ends of
// one reference, serialise as the contract demands (see Create). Time is the server's, so the
// instances' clocks may differ. The Store never repeats a write by itself.
//
// # Nothing stays for ever
//
// Every key has a TTL, except the keys of a live session that is never due. A live session is
// kept for [store.Abandoned] after its Due and a day longer, its entries in the indexes a
// week longer.
//
// # Durability
//
// Durability is that of your Redis: with appendfsync everysec a crash of the machine loses up
// to a second, with always nothing. Without an append-only file a restart brings back
// sessions that have ended. A failover loses the writes that the new master had not received.
// If a log-out is among them, it is undone, although it was acknowledged. Three settings
// help:
//
//   - Options.WaitReplicas lets End return without an error only when that many
//     replicas have the end (WAIT). An End that fails in this way has ended the sessions on
//     this master and has returned them; a second try waits again.
//   - min-replicas-to-write 1 and min-replicas-max-lag 10 in redis.conf let a master
//     that is cut off from its replicas refuse all writes after 10 s, log-outs
//     too, instead of taking them and losing them.
//   - With Sentinel or Cluster and one replica for each master, WaitReplicas 1 means
//     that the promoted replica has every acknowledged end. With more replicas a failover may
//     choose a replica without it: demand all replicas but the one that may fail.
//
// Without WaitReplicas a lost log-out is repaired: each instance ends again the sessions that
// it ended in the last five minutes (10,000 ends at most) as soon as its Watch listens again,
// usually some seconds after the failover, ten more if the failover took long. Reason, time
// and tombstone are the same, and there is no second event. These risks remain:
//
//   - Until then the session is served.
//   - If the instance that ended a session is gone since then, the log-out stays lost for
//     as long as the session is trusted (Config.Absolute for rp.NoToken). The same holds for
//     ends from longer ago that the server lost.
//   - A failover that cuts no connection goes unnoticed. (In a Cluster Watch is cut off
//     with any node.)
//
// Only the master acknowledges all other writes. A failover may lose a log-in, so that the
// person logs in again; a lease; and a refreshed token, which costs a log-in if the IdP
// rotates refresh tokens.
//
// # A server that is full
//
// Set maxmemory-policy to noeviction, or sessions and log-outs vanish. When
// maxmemory is reached, Create is a system failure and nobody can log in. Everything else
// goes on: requests, refreshes, log-outs, back-channel logout, and the clean-up of expired
// sessions, which makes room. These writes may exceed maxmemory by a little: leave the
// machine some memory beyond it.
//
// Findings reports wrong settings, from INFO; CONFIG is not needed.
//
// # Faults
//
// While the server is down, cut off, silent or slower than Options.Timeout, calls are system
// failures in bounded time; they work again with the first call after the server is back.
// Watch returns when its connection is lost; a silent connection counts as lost after twice
// the Timeout. A record that this version of Tandem cannot read is a system failure and is
// not changed.
//
// # Numbers
//
// On 2 cores with the server on the same machine, records of 3 KB: Load from the cache 0.07
// µs, from the server 40 µs (a GET alone: 39; 64 at a time 10 and 9), Touch 42 µs, Replace 84
// µs, Create and End together 0.3 ms, Claim with nothing due 0.15 ms. The server holds about
// 1.1 KB per session besides the encrypted bytes. 64 MiB of records are cached in local
// memory (Options.CacheBytes). Claim returns at most 1000 from each of its 64 buckets.
package redisstore
