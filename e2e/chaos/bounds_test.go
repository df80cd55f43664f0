package chaos

import "time"

// What the programs are told.
const (
	window      = 20 * time.Second // W, the IdP's idle window
	signalEvery = 2 * time.Second  // δ
	trustFor    = 5 * time.Second
)

// What the library promises or documents, in numbers.
const (
	jittered = signalEvery + signalEvery/10 // δ is jittered by 10 %
	waitFor  = 15 * time.Second             // Config.WaitFor, its default
	leaseTTL = 10 * time.Second             // of the lease on a session, which outlives its holder

	// A redisstore serves from memory for a second at most after another instance has
	// ended the session. A pgstore keeps nothing in memory.
	redisSpread = time.Second
)

// What the machine may add. It has two cores, and all processes are built with the
// race detector.
const (
	delivery = 2 * time.Second // from the end at the IdP to its logout token: a sweep, a call
	slowness = time.Second     // of the IdP's event, or of a process that has to be scheduled
	// deliveryWait is the IdP's time-out for a logout token.
	deliveryWait = 5*time.Second + slowness
	waitMore     = 5 * time.Second // beyond WaitFor: a store's time-outs, a busy machine
)

// How far a fault reaches.
const (
	// settles is for how long after a fault an app may still answer 503 or have signals
	// held up: the lease of a dead instance has to run out.
	settles = leaseTTL + 2*time.Second
	// lostWrites is how much a failover of Redis may take with it, before it and while
	// answers are under way.
	lostWrites = time.Second
	// rotation is the time around the IdP's rotation of a refresh token in which a fault
	// may keep the new one from the store.
	rotation = 3 * time.Second
	// remembers is for how long after a spent token was presented an app may send the
	// browser to the log-in: other instances go on trusting, then a lease may have to
	// run out, and each request waits five seconds for whoever may hold the new token: a
	// first navigation may get 503 in that time, and the second one is sent.
	remembers = trustFor + leaseTTL + 3*5*time.Second
	// recovery is how soon after the last fault everybody is served again.
	recovery = settles + 8*time.Second
)

// stays is the longest pause of a person whom the README promises to stay logged in.
// Three seconds are left for a click to be answered and a signal to be sent.
const stays = window - jittered - 3*time.Second

// app is what the checker knows of an app of the demo.
type app struct {
	store  string        // "redis" or "postgres"
	spread time.Duration // from the acknowledged end to its being known on all instances
	tokens bool          // it holds tokens, so it can ask the IdP
}

// apps by name, which is the client id, too.
var apps = map[string]app{
	"notes": {store: "redis", spread: redisSpread, tokens: true},
	"tasks": {store: "postgres", tokens: true},
	"wiki":  {store: "postgres"},
}
