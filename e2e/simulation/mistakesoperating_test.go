package simulation

// operatingMistakes are about what an operator meets: restarts and updates, stores in trouble, an
// IdP that moves, and the log; each by the focus that finds it.
var operatingMistakes = map[string][]mutation{
	"moves": {
		{"an endpoint that is gone is asked again", "rp/internal/idp/pulse.go",
			`if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusGone {`,
			`if false {`},
		{"the discovery document is read once", "rp/internal/engine/follow.go",
			`followEvery = time.Hour   //`,
			`followEvery = 24 * time.Hour //`},
		{"nobody is told that the IdP has changed", "rp/internal/engine/follow.go",
			`p.noteAgain("idp_changed", false, "The IdP has changed its "+strings.Join(names, ", ")+"; this app uses the "+
			"new values from now on.")`,
			`_ = strings.Join(names, ", ")`},
	},
	"slips": {
		{"an issuer of another name is one that does not answer", "rp/provider.go",
			`if !errors.As(err, &unfit) {`,
			`if errors.As(err, &unfit); err != nil {`},
		{"what is kept of the IdP serves for days", "rp/internal/engine/kept.go",
			`const keptFor = 24 * time.Hour`,
			`const keptFor = 72 * time.Hour`},
		{"nobody is told that the clock is wrong", "rp/internal/engine/idpclock.go",
			`p.Report(JudgeClock(p.cfg.Skew, ahead))`,
			``},
	},
	"newer": {
		{"a record of a newer version is an end", "rp/internal/engine/load.go",
			`if errors.Is(err, record.ErrVersion) {
		return nil, &reason`,
			`if false {
		return nil, &reason`},
		{"the sweeper ends what it cannot read", "rp/internal/engine/sweep.go",
			`if lifetime.Outlived(rec.Begun`,
			`if true || lifetime.Outlived(rec.Begun`},
	},
	"sockets": {
		{"Done ends with its request", "rp/session.go",
			`s.done = s.rp.engine.WhenEnded(s.key())`,
			`t := s.rp.engine.Subscribe(s.key())
		context.AfterFunc(s.ctx, t.Release)
		s.done = t.Done`},
		{"Err asks as part of its request", "rp/session.go",
			`ctx, cancel := s.rp.engine.Detached(s.ctx)
	defer cancel()
	_, err := s.rp.engine.Load(ctx, s.key())`,
			`ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	_, err := s.rp.engine.Load(ctx, s.key())`},
	},
	"no lease": {
		{"a signal that gets no lease is silent", "rp/internal/engine/lease.go",
			`return nil, nil, p.StoreFailed(err)`,
			`return nil, nil, Busy(time.Second, "there is no lease: %w", err)`},
	},
	"store silent": {
		{"a store that fails is not in the log", "rp/internal/engine/errors.go",
			`p.troubles.Spend(p.log, p.Now(), "the session store failed; sessions are kept, and requests are answered "+
			"with 503", "error", err)`,
			``},
		{"an answer with 503 is no event", "rp/journal.go",
			`if fn := j.events.Unavailable; fn != nil {`,
			`if fn := j.events.Unavailable; fn != nil && e.Cause != reason.StoreFailed {`},
	},
	"odd tokens": {
		{"a logout token with a long exp grows old soon", "rp/internal/logouttoken/logouttoken.go",
			`MaxLife = 15 * time.Minute`,
			`MaxLife = 5 * time.Minute`},
		{"a sid that nobody knows makes a logout token wrong", "rp/internal/engine/endbytoken.go",
			"	theirs := p.party.Under(names.BySubject, subject)\n",
			`	if len(known) == 0 {
		return false, nil
	}
	theirs := p.party.Under(names.BySubject, subject)
`},
	},
	"killed": {
		{"the lease of a dead process lasts", "rp/internal/engine/lease.go",
			`leaseTTL   = 10 * time.Second`,
			`leaseTTL   = 10 * time.Minute`},
	},
	"failover": {
		{"what a store has lost stays lost", "rp/internal/engine/watch.go",
			`if p.past.listens() {`,
			`if p.past.listens() && false {`},
		{"an end that is repeated is told twice", "rp/internal/engine/repeat.go",
			"	if l.told.has(key) {\n		return false\n	}\n",
			""},
	},
	"last clicks": {
		{"Close forgets the last activity", "rp/internal/engine/engine.go",
			`errs = append(errs, p.flush(ctx, key))`,
			`_, _ = ctx, key`},
	},
	"words": {
		{"what an IdP says of a refusal is dropped", "rp/internal/idp/client.go",
			`if description = outside.Text(description, 200); description != "" {`,
			`if description = outside.Text(description, 200); false {`},
		{"what an IdP says of a refusal is on a page", "rp/answer.go",
			"		pg.Title, pg.Advice = login.words()\n",
			`		pg.Title, pg.Advice = login.words()
		pg.Advice = append(pg.Advice, page.Word(err.Error()))
`},
	},
}
