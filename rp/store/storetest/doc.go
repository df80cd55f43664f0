// Package storetest tests the whole contract of [store.Store] against any implementation:
// Tandem's own four and yours.
//
// # Writing a store
//
// Start from the comments of store.Store; each sentence there is a test here. Some points are
// easily overlooked:
//
//   - End by reference and Create of the same reference must not miss each other. Either
//     serialise them (a lock, a transaction), or let End write the tombstone first, and let
//     Create look for tombstones again after its record can be found.
//   - End decides who ended a session: the change from live to ended happens once, in one
//     atomic step, and only the call that made it returns the record.
//   - Replace compares the version in the same step in which it writes.
//   - Touch and Claim change the same fields as Replace does; merge, do not
//     overwrite.
//   - A cache must not return a record that this instance has already replaced. A record
//     that another instance replaced may be returned for a second at most.
//   - A log line may print the store while it works. A Format method prints a name and reads
//     nothing that other goroutines write.
//
// # Running it
//
// Write one test that calls [Run] with a [Factory]. Each test of the suite asks the factory
// for a new, empty back end; the factory closes it with t.Cleanup. Only the suite moves time:
// give the store the Now of a [Clock], and return the Clock's Advance. If instances can share
// the back end, open a second Store on it; the suite then checks that the two act as one.
//
// Run it with -race. Its tests do not wait for real time, except at most a second until a
// change reaches the other instance.
package storetest
