// Package chaos runs built programs of the demo on real servers, breaks them, and
// judges what people saw.
//
// The world: one idp-mock, two instances each of three apps behind a small load
// balancer, a Redis primary with a replica, and a PostgreSQL. Dozens of people with
// browsers click, leave, log out, or are logged out by an administrator of the IdP.
// Meanwhile a seeded schedule kills processes with SIGKILL, stops them with SIGSTOP,
// fails Redis over, crashes PostgreSQL, and cuts connections.
//
// Everything is written to a journal: each request and its answer, what the IdP says
// that it did, each fault. A checker reads the journal after the run. It knows what
// was seen from outside and the promises of the README, and shares no code with the
// library: TestNothingOfTheLibrary holds that.
//
//	go test ./e2e/chaos                                        the short run, about 40 s of faults and people
//	TANDEM_CHAOS=10m go test -timeout 1h -v ./e2e/chaos        the long run
//	TANDEM_CHAOS_SEED=7 go test -v ./e2e/chaos                 the schedule and the people of seed 7
//
// TANDEM_CHAOS_JOURNAL=FILE keeps the journal, and beside it what led to each excuse.
//
// A seed fixes the faults, their lengths, and what people intend. It does not fix how
// the processes are scheduled, so a failure may need more than one run to come again.
//
// # What is excused
//
// No hand picks what is forgiven. Each excuse is a rule with bounds; they stand as
// constants in bounds_test.go and as functions in excuses_test.go.
//
//   - A log-out that Redis acknowledged in the last second before a failover may be
//     undone (see the documentation of rp/store/redisstore). Where the app holds tokens this
//     is bounded: five seconds after the session's end at the IdP nobody is served,
//     with or without a failover.
//   - A refresh token may be lost where a fault hits between the IdP's rotation and the
//     store's write. Then the IdP's journal shows that a spent token was presented. The
//     person takes a round trip to the IdP and back. A question for the password is not
//     excused by this.
//   - An IdP that was killed has forgotten its sessions. The people log in anew.
//   - The IdP's session may run out while a fault keeps each signal from the IdP. It is
//     not excused if one click was answered at a time without such a fault.
//   - The machine may be busy with something else. When this process has to wait for its
//     own clock for 0.4 s, that time counts as a fault of everything.
//   - 503 with Retry-After is allowed during a fault and for twelve seconds after it: a
//     dead instance's lease on a session lasts ten.
package chaos
