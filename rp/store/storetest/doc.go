// Package storetest runs the whole contract of [store.Store] against any
// implementation: Tandem's own four and yours.
//
// # Writing a store
//
// Start from the comments of store.Store; each sentence there is a test here. What
// is easily overlooked:
//
//   - End by reference and Create of the same reference must not slip past each
//     other. Either serialise them (a lock, a transaction) or write the tombstone
//     first and let Create look again after it has made itself findable.
//   - End decides who ended a session: the change from live to ended happens
//     once, in one atomic step, and only who made it has the record in its answer.
//   - Replace compares the version in the same step in which it writes.
//   - Touch and Claim change the same fields as Replace does; merge, do not
//     overwrite.
//   - A cache must not answer with what this instance has already replaced, nor
//     for more than a second with what another one has.
//
// # Running it
//
// Write one test that calls [Run] with a [Factory]. Each test of the suite asks
// the factory for a fresh, empty back end; the factory registers what closes it
// with t.Cleanup. Time stands still unless the suite moves it: give the store
// the Now of a [Clock] and hand over the Clock's Advance. If instances can share
// the back end, open a second Store on it; the suite then checks that the two
// act as one.
//
// Run it with -race. No test of it waits for real time to pass, except at most a
// second for a change to reach the other instance.
package storetest
