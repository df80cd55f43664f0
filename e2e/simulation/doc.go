// Package simulation proves the library's contract (C1–C8) in virtual time.
//
// Each history lives in a testing/synctest bubble: an identity provider with
// coordinated lifetimes, an introspecting API, three apps of different kinds with
// two instances each over one shared store, and people with browsers who click
// in bursts, leave for about an idle window, leave polling tabs open, log out and
// come back. Faults hit all of it: delays, cut connections before and after the
// effect, 5xx, 429, lost, late and doubled logout tokens, failing stores,
// restarts, clocks that disagree.
//
// An oracle judges every step. It knows the contract's words, the configuration,
// and what really happened: the requests, the calls on the wire, the provider's
// own journal. It shares no code with the library, least of all the rules about
// clocks in rp/internal/lifetime.
//
//	go test ./e2e/simulation                     the quick lane: 300 histories of 8 h
//	TANDEM_SIMULATE=long go test ./e2e/simulation   10,000 histories
//
// A failure shrinks, and prints what happened line by line. That the oracle would
// notice is shown too: TestTheOracleBites builds the library with deliberate
// mistakes, one at a time, and each has to be found.
package simulation
