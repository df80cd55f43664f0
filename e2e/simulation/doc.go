// Package simulation proves the library's contract (C1–C9) in virtual time.
//
// Each history lives in a testing/synctest bubble: two identity providers that know
// the same people, introspecting APIs, and people with browsers who click in bursts,
// leave for about an idle window, leave tabs open that poll, reload themselves or are
// prefetched, log out, come back and
// open all their tabs at once. Four apps of different kinds, one of them with the
// client id of another one at the other provider, share one store and in most
// histories their keys; each has two instances.
//
// Each provider is of a kind: what the library was made for, Keycloak's, Entra ID's,
// Dex's, or one that is as strict as the specifications allow. In half of the histories
// an instance of an app learns late and out of order what the other one has written, as
// far as store.Store allows.
//
// Faults hit all of it: delays, cut connections before and after the effect, 5xx,
// 429, providers that hang, answers to a refresh with every fault of an ID token, lost,
// late and doubled logout tokens, failing stores, restarts, keys that roll, an app that
// is down for hours, clocks of apps and providers that disagree. Strangers send the
// cookie, the callback or the logout token of one app to another, and log out a sid that
// they know.
//
// In the histories of a focus processes are killed, the store fails over to a replica that is
// behind, an instance of a newer version writes records, an IdP moves its token endpoint,
// handlers hand a WebSocket over and return, and operators start instances with something wrong.
//
// An oracle judges every step. It knows the contract's words, the configuration,
// and what really happened: the requests, the calls on the wire, the providers' own
// journals, and what each instance tells its operator. It shares no code with the library,
// least of all the rules about clocks in rp/internal/lifetime.
//
//	go test ./e2e/simulation                     the quick lane: 300 histories of 8 h, 60 with -race
//	TANDEM_SIMULATE=long go test ./e2e/simulation   10,000 histories
//	TANDEM_FOCUS=outages go test ./e2e/simulation   the histories of one focus
//
// Some coincidences are thousands of histories away in a world where everything happens. A
// focus (focuses) is a small part of the world in which one of them is common: TestFocus
// plays histories of each.
//
// A failure shrinks, and prints what happened line by line. That the oracle would
// notice is shown too: TestTheOracleBites builds the library with deliberate
// mistakes, one at a time, and each has to be found: some of them in the gate, all in
// the long lane, and many of those in the histories of one focus. README.md says what each
// mistake shows.
package simulation
