package simulation

// mutations are the deliberate mistakes that the simulation has to find.
var mutations = []mutation{
	{"no lease", "rp/internal/engine/lease.go",
		`granted, err := p.cfg.Store.Acquire(ctx, names.LeaseID("ask", key), leaseTTL)`,
		`var granted store.Lease; var err error; _ = names.LeaseID`},
	{"no second look under the lease", "rp/internal/engine/lease.go",
		`done := err != nil || enough(st.Data)`,
		`done := err != nil || held == nil && enough(st.Data)`},
	{"no compare-and-swap", "rp/store/memstore/session.go",
		`case uint64(e.version) != rec.Version:`,
		`case false:`},
	{"no tombstone for a log-in under way", "rp/store/memstore/session.go",
		`if r.forbids(refs[i], e, now) {`,
		`if false {`},
	{"passive requests refresh", "rp/internal/engine/decide.go",
		"\tasks := class\n",
		"\tasks := lifetime.Active\n"},
	{"other instances are not listened to", "rp/internal/engine/watch.go",
		`p.cfg.Store.Watch(ctx, p.noticed)`,
		`p.cfg.Store.Watch(ctx, func(store.Change) {})`},
	{"passive requests count as activity", "rp/authenticate.go",
		"		if class == activity.Active {\n",
		"		if true {\n"},
	{"a quiet span outlives δ", "rp/internal/lifetime/quiet.go",
		`until = earlier(until, s.Signalled.Add(p.SignalEvery))`,
		``},
	{"trust never runs out", "rp/internal/lifetime/lifetime.go",
		`if now.Sub(s.Confirmed) > trust(s, p) {`,
		`if false {`},
	{"a signal is never due", "rp/internal/lifetime/lifetime.go",
		`now.Sub(s.Signalled) >= p.SignalEvery {`,
		`now.Sub(s.Signalled) >= 10*p.SignalEvery {`},
	{"trouble at the IdP ends the session", "rp/internal/verdict/verdict.go",
		"		return Retry // RT-05, RT-06, whatever the error code\n",
		"		return Ended\n"},
	{"a refusal is not believed", "rp/internal/verdict/verdict.go",
		"		return Ended // RT-01\n",
		"		return Retry\n"},
	{"no retry when the outcome is unknown", "rp/internal/engine/refresh.go",
		"\t\tlost, pending = true, true\n",
		"\t\treturn p.Rejected(ctx, st, reason.RefreshRejected)\n"},
	{"an end has no event", "rp/internal/engine/end.go",
		`p.untold.add(p, untold{rec: rec, detail: e.detail})`,
		`_, _ = rec, e.detail`},
	{"nothing is revoked", "rp/internal/engine/outbox.go",
		`again, wait, err := p.revoke(p.calls, &d, reason)`,
		`again, wait, err := false, time.Duration(0), error(nil); _ = reason`},
	{"the app's idle limit is not kept", "rp/internal/lifetime/lifetime.go",
		"	case past(d.LocalIdle, now):\n",
		"	case false:\n"},
	// C9
	{"a record belongs to nobody", "rp/internal/names/names.go",
		`copy(b[:], p.Owner[:])`,
		``},
	{"the store hands out what is another client's", "rp/store/memstore/claim.go",
		`	return sh.due[c.owner.n].first(c.now, &n)`,
		`	for i := range sh.due {
		if e, more := sh.due[i].first(c.now, &n); e != nil || more {
			return e, more
		}
	}
	return nil, false`},
	{"references are the same for all clients", "rp/internal/names/names.go",
		`seal.Derive(master, "references", p.Owner[:], sha256.Size)`,
		`seal.Derive(master, "references", nil, sha256.Size)`},
	// Two walls keep it out, each of them alone, too: so both are gone.
	{"a log-in in flight can be taken up elsewhere", "rp/build.go",
		`if g.carried, err = seal.NewRing("state", g.party.Owner[:], c.Keys...); err != nil {
		return nil, wrong("Keys", "%v", err)
	}
	if g.site, err = site.New(c.BaseURL, c.BaseURLs, c.Prefix, c.TrustedOrigins); err != nil {
		return nil, wrong("TrustedOrigins", "%v", err)
	}
	g.logins, err = loginflow.New(loginflow.Config{Keys: c.Keys, Owner: g.party.Owner[:], Ring: g.carried,`,
		`if g.carried, err = seal.NewRing("state", make([]byte, len(g.party.Owner)), c.Keys...); err != nil {
		return nil, wrong("Keys", "%v", err)
	}
	if g.site, err = site.New(c.BaseURL, c.BaseURLs, c.Prefix, c.TrustedOrigins); err != nil {
		return nil, wrong("TrustedOrigins", "%v", err)
	}
	g.logins, err = loginflow.New(loginflow.Config{Keys: c.Keys, Owner: make([]byte, len(g.party.Owner)), Ring: g.carried,`},
	{"only what the first key has named is found", "rp/internal/names/names.go",
		`out := make([]store.Key, len(p.Refs))
	for i := range p.Refs {`,
		`out := make([]store.Key, 1)
	for i := range p.Refs[:1] {`},
	// Logouts while the session at the IdP goes on, and second log-ins
	{"a logout token refuses what begins after it", "rp/backchannel.go",
		`return store.Selector{IssuedBy: iat, BegunBy: begunBy}`,
		`return store.Selector{IssuedBy: iat}`},
	{"front-channel logout refuses what begins after it", "rp/frontchannel.go",
		`store.Selector{BegunBy: f.engine.Now()}, reason.FrontchannelLogout`,
		`store.Selector{}, reason.FrontchannelLogout`},
	{"the app's own limit ends the session of the IdP", "rp/internal/engine/revocation.go",
		`case reason.Idle, reason.Absolute, reason.IdPCeiling, reason.SessionLimit, neverBegun:
		return true`,
		`case neverBegun:
		return true`},
	{"a bookmark of the log-in logs in anew", "rp/login.go",
		`if f.Wish.IsEmpty() && mayBeIn(r, q) && s.browsers.isTrusted(r) {`,
		`if false {`},
	// The unfriendly world
	{"a refusal after a lost answer is believed", "rp/internal/engine/refresh.go",
		`if v == verdict.Ended && !other && lost {`,
		`if false {`},
	{"the tokens beside a bad ID token are dropped", "rp/internal/engine/tokens.go",
		"\tgot.fault = err\n",
		"\tgot.fault, got.Access, got.refresh = err, \"\", \"\"\n"},
	{"the announced end of a refresh token is not noted", "rp/internal/engine/tokens.go",
		`got.refreshEnds = now.Add(t.RefreshLife)`,
		``},
	{"userinfo is believed where it never took a token", "rp/internal/engine/signal.go",
		`st.Data.UserinfoFits && p.good(st.Data, sent)`,
		`p.good(st.Data, sent)`},
	{"a silent check waits until trust is over", "rp/internal/engine/decide.go",
		`	case lifetime.Due:
		if navigation && p.asksNow(ctx, st) {`,
		`	case lifetime.Due:
		if false {`},
	{"a silent check is repeated at once", "rp/internal/engine/renew.go",
		`return now.Sub(asked) < p.Policy(st).SignalEvery`,
		`return false`},
	{"the look under the lease may be old", "e2e/simulation/store_test.go",
		"			s.in.late.knowsAll()\n",
		""},
	{"words of an IdP's own are an outage", "rp/internal/verdict/verdict.go",
		"	return Interact\n",
		"	return Misconfigured\n"},
	{"a person waits as long as the IdP takes", "rp/internal/engine/flight.go",
		`time.NewTimer(p.cfg.WaitFor)`,
		`time.NewTimer(time.Hour)`},
	{"a log-in waits for userinfo as long as that takes", "rp/profile.go",
		`context.WithTimeout(ctx, wait)`,
		`context.WithTimeout(ctx, time.Hour)`},
	{"an access token is good until its end by one clock", "rp/internal/lifetime/tokens.go",
		`return !Over(ends, now.Add(skew))`,
		`return !Over(ends, now)`},
	// What a page does by itself
	{"a page that reloads itself is a person", "rp/internal/classify/classify.go",
		`	case sentUser:
		return Page // meta refresh, a timer, location.reload`,
		`	case sentUser:
		return Unclear`},
	{"a page that asks by itself is given an address", "rp/internal/answer/challenge.go",
		"	case person && !waits:\n",
		"	case !waits:\n"},
	{"that a person began a log-in is forgotten", "rp/begin.go",
		`d.SendsUser = f.SentUser || classify.SendsUser(r.Header)`,
		`d.SendsUser = classify.SendsUser(r.Header)`},
}

// seldom are mistakes that it takes many histories to find: make simulate has the time.
var seldom = []mutation{
	{"a yes to an older question is none", "rp/silent.go",
		"\n		engine.Unchanged(d, f.SessionState)\n		d.Asked = time.Time{}\n",
		"\n		engine.Unchanged(d, f.SessionState)\n"},
	{"a quiet span outlives trust", "rp/internal/lifetime/quiet.go",
		`until = earlier(until, s.Confirmed.Add(trust(s, p)))`,
		``},
	{"any IdP's logout token is believed", "rp/internal/logouttoken/logouttoken.go",
		`case c.Issuer == nil || *c.Issuer != want.Issuer: // BCL-08`,
		`case c.Issuer == nil:`},
	{"the IdP's clock is compared with the app's", "rp/backchannel.go",
		`return store.Selector{IssuedBy: iat, BegunBy: begunBy}`,
		`return store.Selector{BegunBy: begunBy}`},
	{"a replaced session takes the new one along", "rp/internal/engine/revocation.go",
		`return !ownLimit(reason) && next != sameIdPSession`,
		`return !ownLimit(reason)`},
}

// byFocus are mistakes that it takes thousands of histories of the whole world to find: those
// of one focus find them sooner.
var byFocus = map[string][]mutation{
	"outages": {
		{"pauses go on after an outage", "rp/internal/engine/flight.go",
			"\t\tif p.outage {\n",
			"\t\tif p.outage && false {\n"},
		{"the breaker never closes", "rp/internal/engine/breaker.go",
			`		f.timeouts = 0 // it answers`,
			``},
	},
	"broken API": {
		{"an API that refuses every token is asked about each time", "rp/internal/engine/blame.go",
			`return p.Now().Before(p.blames.of`,
			`return false && p.Now().Before(p.blames.of`},
	},
	"one 429": {
		{"one session's 429 stops all", "rp/internal/engine/breaker.go",
			`return len(f.limited) >= limitsToPause`,
			`return true`},
	},
	"no answer": {
		{"browsers are sent to an IdP that does not answer", "rp/internal/engine/decide.go",
			` && p.Answers(ctx)`,
			``},
	},
	"late refusals": {
		{"a refused check ends whatever session is there", "rp/silent.go",
			`if f.About != key.Short() {`,
			`if false {`},
	},
	"starts": {
		{"nobody starts while the IdP is down", "rp/internal/engine/kept.go",
			`|| keptErr != nil || old.Metadata == nil {`,
			`|| true {`},
		{"who has waited for a lease does not ask the breaker again", "rp/internal/engine/flight.go",
			`case !p.flights.admitNow(key):`,
			`case false:`},
	},
	"revocations": {
		{"a revocation waits a minute for its second try", "rp/internal/verdict/retryafter.go",
			`steps := [...]time.Duration{time.Second, `,
			`steps := [...]time.Duration{time.Minute, `},
	},
	"slow revocations": {
		{"a refusal counts although a revocation may have taken the tokens along", "rp/internal/engine/revocation.go",
			"\t\tothers, err := p.reached(ctx, far, out)\n",
			"\t\tothers, err := 0, error(nil)\n"},
	},
	"closing": {
		{"Close does not wait for what is under way", "rp/internal/engine/engine.go",
			"	p.work.Wait()\n",
			""},
		{"a token is shown while this instance shuts down", "rp/internal/engine/refresh.go",
			`if p.ctx.Err() != nil {`,
			`if false {`},
	},
	"store away": {
		{"a token that somebody may hold an answer for is shown at once", "rp/internal/engine/lease.go",
			`(left <= 0 || `,
			`(true || `},
		{"a lease that ran out is not taken again", "rp/internal/engine/lease.go",
			"\tif errors.Is(err, store.ErrConflict) {\n\t\tvar again",
			"\tif false {\n\t\tvar again"},
		{"a token is shown again although the lease was lost", "rp/internal/engine/refresh.go",
			`if !held.unbroken(ctx) {`,
			`if false {`},
		{"tokens that reuse may have taken along are trusted", "rp/internal/engine/refresh.go",
			`d.Doubted, d.Showing = d.Generation+2, record.NonePending`,
			``},
		{"a refusal counts although another instance may have the new tokens", "rp/internal/engine/signal.go",
			`if cause == reason.RefreshRejected && sentByOthers(`,
			`if false && sentByOthers(`},
	},
	"late reads": {
		{"a request that the IdP may read late is forgotten", "rp/internal/engine/refresh.go",
			`pending || doubted(d)`,
			`doubted(d)`},
	},
	"same second": {
		{"a repeated end takes along who logs in in its second", "rp/internal/engine/repeat.go",
			`ended, err := p.endUntied(ctx, e)`,
			`ended, err := p.cfg.Store.End(ctx, e.sel, e.end)`},
	},
	"old keys": {
		{"an ended record that nobody can read names no person", "rp/internal/engine/load.go",
			"\t\treturn true\n\t}\n\td, err := record.Decode(plain)\n",
			"\t\treturn false\n\t}\n\td, err := record.Decode(plain)\n"},
	},
	"lost answers": {
		{"it is not noted that nobody holds an answer", "rp/internal/engine/refresh.go",
			`if d.Showing = record.NobodyHolds; !pending {
			d.Showing = record.NonePending
		}`,
			``},
	},
	"other persons": {
		{"the tokens beside another person's ID token are left", "rp/internal/engine/refresh.go",
			`p.revokeAlso(got, *st.Data, reason.OtherSubject)`,
			``},
	},
	"tokens that stay": {
		{"a later end of the refresh token that stays is not noted", "rp/internal/engine/tokens.go",
			`} else if !t.refreshEnds.IsZero() {`,
			`} else if false {`},
	},
	"ends that fail": {
		{"a refusal that the store did not take leaves a doubt", "rp/internal/engine/refresh.go",
			`p.undoubt(ctx, st, false, false) // the answer`,
			`// the answer`},
	},
}
