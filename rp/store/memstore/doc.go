// Package memstore is a [store.Store] for one process, without a disk: for tests, and for
// programs whose sessions may be lost when they end.
//
//   - Durability: none. Consistency: every call is atomic and seen at once.
//   - Load and Touch take about 0.1 µs and allocate nothing.
//   - Memory: at most 400 bytes per session besides the encrypted bytes, with two
//     references, and 12 KB per client. The number of sessions has no limit.
//   - It starts no goroutine and needs no Close, so it works in a
//     testing/synctest bubble. Every call, above all Claim, deletes a little of what is past
//     its time. A live session that no client claims any more is deleted by any client's Claim,
//     from 30 days after its Due on.
//   - No lock is held for longer than about 0.1 ms, whatever the number of
//     sessions; a Claim over a million sessions takes its 256 shards in turn.
package memstore
