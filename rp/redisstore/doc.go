// Package redisstore is the [rp.Store] of several instances on Redis 7 or later,
// or Valkey: one server, Sentinel or Cluster.
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
// in the worst case; it is well below a millisecond as a rule.
//
// # What is atomic
//
// Every step is a script that touches one slot of a Cluster; several instances,
// and Creates and Ends of one reference, serialise as the contract demands (see
// Create). Time is the server's, so the instances' clocks may differ. Writes are
// never repeated behind the caller's back.
//
// # Durability
//
// It is that of your Redis: with appendfsync everysec a crash of the machine loses
// up to a second, with always nothing; a failover loses what the replica had not
// got. Eviction must be off (maxmemory-policy noeviction), or sessions vanish.
//
// # Faults
//
// While the server is away, cut off, silent or slower than Options.Timeout, calls
// are system failures in bounded time; they recover by themselves, on the first
// call after the server is back. Watch returns when its connection is lost, which
// a silent one is after twice the Timeout.
//
// # Numbers
//
// On 2 cores with the server on the same machine, records of 3 KB: Load hot
// 0.07 µs, cold 40 µs (a GET alone: 39; 64 at a time 10 and 9), Touch 42 µs, Replace 84 µs,
// Create and End together 0.3 ms, Claim with nothing due 0.15 ms. The server holds
// about 1.1 KB per session beside the sealed bytes. 64 MiB of records are kept in
// local memory (Options.CacheBytes). Claim hands out at most 1000 from each of its
// 64 buckets. A process that dies in the midst of a log-in leaves some 200 bytes
// for good.
package redisstore
