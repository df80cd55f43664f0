package chaos

import (
	"context"
	"math/rand/v2"
	"time"
)

// breaker breaks the world, one fault after the other, on the test's own goroutine.
type breaker struct {
	*world
	rnd   *rand.Rand
	short bool
}

// trick is one way to break something.
type trick struct {
	name string
	do   func(b *breaker)
}

// tricks of each run, in an order that the seed gives. The long run plays those of rare,
// too.
var tricks = []trick{
	{"kill an instance of notes", func(b *breaker) { b.killApp(b.one("notes")) }},
	{"kill an instance of tasks", func(b *breaker) { b.killApp(b.one("tasks")) }},
	{"kill an instance of notes while tokens are on their way", func(b *breaker) { b.killInFlight(b.one("notes")) }},
	{"stop an instance of notes", func(b *breaker) { b.stopApp(b.one("notes")) }},
	{"stop an instance of tasks", func(b *breaker) { b.stopApp(b.one("tasks")) }},
	{"kill Redis", (*breaker).killRedis},
	{"stop Redis", (*breaker).stopRedis},
	{"kill Redis and fail over", func(b *breaker) { b.failover(true) }},
	{"crash PostgreSQL", (*breaker).crashPostgres},
	{"stop the IdP", (*breaker).stopIdP},
	{"cut the IdP off", (*breaker).cutIdP},
}

var rare = []trick{
	{"kill an instance of tasks while tokens are on their way", func(b *breaker) { b.killInFlight(b.one("tasks")) }},
	{"kill an instance of wiki", func(b *breaker) { b.killApp(b.one("wiki")) }},
	{"stop an instance of wiki", func(b *breaker) { b.stopApp(b.one("wiki")) }},
	{"stop Redis and fail over", func(b *breaker) { b.failover(false) }},
	{"stall the network to PostgreSQL", (*breaker).stallPostgres},
	{"cut the network to PostgreSQL", (*breaker).cutPostgres},
	{"kill all instances of notes", func(b *breaker) { b.killApp(b.of("notes")...) }},
	{"kill all instances of tasks", func(b *breaker) { b.killApp(b.of("tasks")...) }},
	{"kill an instance of notes while Redis is stopped", (*breaker).killInOutage},
	{"kill an instance of tasks while the IdP is stopped", (*breaker).killWhileAsking},
	{"stop one instance of tasks, kill the other", (*breaker).stopAndKill},
}

// forget is a trick that ends all sessions at once; the long run plays it twice.
var forget = trick{"kill the IdP", (*breaker).killIdP}

// rampage plays until ctx ends. The short run plays each trick once: without a time
// without faults at its end, too much of what it sees could be excused.
func (b *breaker) rampage(ctx context.Context, forgetAt []moment) {
	for ctx.Err() == nil {
		hand := append([]trick{}, tricks...)
		if !b.short {
			hand = append(hand, rare...)
		}
		b.rnd.Shuffle(len(hand), func(i, k int) { hand[i], hand[k] = hand[k], hand[i] })
		for _, one := range hand {
			if ctx.Err() != nil {
				return
			}
			if len(forgetAt) > 0 && b.rec.now() > forgetAt[0] {
				forgetAt = forgetAt[1:]
				one = forget
			}
			b.t.Logf("%s %s", stamp(b.rec.now()), one.name)
			one.do(b)
			if b.short {
				pause(ctx, b.between(100*time.Millisecond, 700*time.Millisecond))
			} else {
				pause(ctx, b.between(500*time.Millisecond, 8*time.Second))
			}
		}
		if b.short {
			return
		}
	}
}

func (b *breaker) between(least, most time.Duration) time.Duration {
	return least + time.Duration(b.rnd.Int64N(int64(most-least)))
}

// lasts is for how long something stays broken.
func (b *breaker) lasts(most time.Duration) {
	if b.short {
		most = min(most, 2*time.Second)
	}
	pause(context.Background(), b.between(most/8, most))
}

// breaks notes a fault from now on until repair returns.
func (b *breaker) breaks(what, target string, repair func()) {
	ends := b.begins(what, target)
	repair()
	ends()
}

// begins notes a fault from now on until ends is called.
func (b *breaker) begins(what, target string) (ends func()) {
	f := fault{What: what, Target: target, From: b.rec.now()}
	return func() {
		f.To = b.rec.now()
		b.rec.write(func(j *journal) { j.Faults = append(j.Faults, f) })
	}
}

// watchMachine notes when the machine stands still: this process is then late, too. A
// busy machine is no fault of anybody's, but stores and people run into their time-outs.
func (w *world) watchMachine(ctx context.Context) {
	const every, late = 50 * time.Millisecond, 400 * time.Millisecond
	for last := w.rec.now(); pause(ctx, every); {
		now := w.rec.now()
		if now-last > late {
			w.rec.write(func(j *journal) { j.Faults = append(j.Faults, fault{whatStall, "machine", last, now}) })
		}
		last = now
	}
}

func (b *breaker) one(app string) *member { return b.of(app)[b.rnd.IntN(instances)] }

func (b *breaker) killApp(members ...*member) {
	if len(members) == 0 {
		return
	}
	b.breaks(whatKill, members[0].name(), func() {
		members[0].proc.Kill()
		b.killApp(members[1:]...)
		b.lasts(3 * time.Second)
		members[0].start(b.t)
		members[0].ready()
	})
}

func (b *breaker) stopApp(m *member) {
	b.breaks(whatStop, m.name(), func() {
		m.proc.Freeze()
		b.lasts(8 * time.Second)
		m.proc.Thaw()
	})
}

func (b *breaker) killRedis() {
	b.breaks(whatKill, "redis", func() {
		b.redis.primary.Kill()
		b.lasts(4 * time.Second)
		b.must(b.redis.primary.Start())
	})
	b.redis.inStep()
}

func (b *breaker) stopRedis() {
	b.breaks(whatStop, "redis", func() {
		b.redis.primary.Freeze()
		b.lasts(6 * time.Second)
		b.redis.primary.Thaw()
	})
}

// failover loses the primary, dead or frozen, and promotes the replica after a while.
// The former primary comes back as its replica.
func (b *breaker) failover(dead bool) {
	b.breaks(whatFailover, "redis", func() {
		lost := b.redis.primary
		if dead {
			lost.Kill()
		} else {
			lost.Freeze()
		}
		b.lasts(4 * time.Second)
		b.redis.failover()
		if dead {
			b.must(lost.Start())
		} else {
			lost.Thaw()
		}
	})
	b.redis.follow()
}

func (b *breaker) crashPostgres() {
	b.breaks(whatKill, "postgres", func() {
		b.postgres.Kill()
		b.lasts(3 * time.Second)
		b.must(b.postgres.Start())
	})
}

func (b *breaker) stallPostgres() {
	b.breaks(whatStall, "postgres", func() {
		b.pgProxy.Stall()
		b.lasts(6 * time.Second)
		b.pgProxy.Restore()
	})
}

func (b *breaker) cutPostgres() {
	b.breaks("cut", "postgres", func() {
		b.pgProxy.Cut()
		b.lasts(4 * time.Second)
		b.pgProxy.Restore()
	})
}

func (b *breaker) stopIdP() {
	b.breaks(whatStop, "idp", func() {
		b.idp.proc.Freeze()
		b.lasts(8 * time.Second)
		b.idp.proc.Thaw()
	})
}

// cutIdP loses the answers of calls that are under way.
func (b *breaker) cutIdP() {
	b.breaks("cut", "idp", func() {
		b.idp.proxy.Cut()
		b.lasts(5 * time.Second)
		b.idp.proxy.Restore()
	})
}

func (b *breaker) killIdP() {
	b.breaks(whatKill, "idp", func() {
		b.idp.proc.Kill()
		b.lasts(3 * time.Second)
		b.idp.start(b.t)
	})
}

// killInFlight takes an instance that waits for tokens which the IdP has rotated already.
func (b *breaker) killInFlight(m *member) {
	ctx := context.Background()
	if !b.idp.answerLate(ctx, m.app, 2*time.Second) {
		b.t.Fatal("the IdP takes no fault")
	}
	pause(ctx, time.Second)
	b.killApp(m)
	if !b.idp.answerAtOnce(ctx) {
		b.t.Fatal("the IdP does not take its fault back")
	}
}

// killInOutage takes an instance that may hold tokens which it cannot store.
func (b *breaker) killInOutage() {
	m := b.one("notes")
	thawed := b.begins(whatStop, "redis")
	b.redis.primary.Freeze()
	b.lasts(3 * time.Second)
	back := b.begins(whatKill, m.name())
	m.proc.Kill()
	b.lasts(3 * time.Second)
	b.redis.primary.Thaw()
	thawed()
	m.start(b.t) // not before: without its store it does not start
	m.ready()
	back()
}

// killWhileAsking takes an instance whose calls of the IdP are under way.
func (b *breaker) killWhileAsking() {
	m := b.one("tasks")
	thawed := b.begins(whatStop, "idp")
	b.idp.proc.Freeze()
	b.lasts(5 * time.Second)
	back := b.begins(whatKill, m.name())
	m.proc.Kill()
	b.idp.proc.Thaw()
	thawed()
	m.start(b.t)
	m.ready()
	back()
}

func (b *breaker) stopAndKill() {
	both := b.of("tasks")
	b.breaks(whatStop, both[0].name(), func() {
		both[0].proc.Freeze()
		b.killApp(both[1])
		both[0].proc.Thaw()
	})
}

func (b *breaker) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}
