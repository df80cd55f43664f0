// Package memstore is the [store.Store] of one process without a disk: for tests
// and for runs whose sessions may be forgotten at the end.
//
//   - Durability: none. Consistency: every call is atomic and seen at once.
//   - Load and Touch take about 0.1 µs and allocate nothing.
//   - Memory: at most 400 bytes per session beside the sealed bytes, with two
//     references, and 12 KB per client. Nothing limits the number of sessions.
//   - It starts no goroutine and needs no Close, so it works in a
//     testing/synctest bubble. What is past its time is forgotten little by
//     little by the calls that come in, Claim above all. A live session that no
//     client claims any more is forgotten by any client's Claim, from 30 days
//     after its Due on.
//   - No lock is held for longer than about 0.1 ms, whatever the number of
//     sessions; a Claim over a million sessions takes its 256 shards in turn.
package memstore
