package simulation

// aboutIdPs are mistakes about what an IdP answers, and about one that does not answer; each
// with the focus that finds it, if the whole world does not find it soon.
var aboutIdPs = []hunt{
	// The tokens of every good answer are kept
	{mutation{"an answer without token_type is of no use", "rp/internal/idp/token.go",
		`case t.Access == "" && t.Refresh == "" && t.ID == "":`,
		`case t.Type == "" || t.Access == "" && t.Refresh == "" && t.ID == "":`}, "odd answers"},
	{mutation{"an answer of another content type is of no use", "rp/internal/idp/token.go",
		"	_, body, out := c.post(ctx, tokenEndpoint, c.TokenURL, c.Auth, form)\n",
		`	resp, body, out := c.post(ctx, tokenEndpoint, c.TokenURL, c.Auth, form)
	if out.Err == nil && resp.Header.Get("Content-Type") == "text/plain" {
		out.Fault, out.Err = verdict.Malformed, errors.New("no JSON")
	}
`}, "odd answers"},
	{mutation{"another issuer's ID token is another person's", "rp/internal/idtoken/idtoken.go",
		"	if t.Issuer != want.Issuer { // CORE-05\n",
		`	if t.Issuer != want.Issuer {
		if want.Refresh {
			return ErrOtherUser
		}
`}, "odd answers"},
	{mutation{"an ID token with a bad signature is another person's", "rp/internal/idtoken/idtoken.go",
		`		return nil, mixedUp("%w", keys.err)
`,
		`		return nil, ErrOtherUser
`}, "odd answers"},
	{mutation{"an ID token that is too large is another person's", "rp/internal/idtoken/idtoken.go",
		`		return nil, ErrTooLarge
`,
		`		return nil, ErrOtherUser
`}, "odd answers"},
	{mutation{"another person's ID token is taken", "rp/internal/idtoken/idtoken.go",
		`if want.Refresh && p.Subject != want.Subject { // CORE-10`,
		`if false {`}, "other persons"},
	{mutation{"the access token of a mixed-up answer is used", "rp/internal/engine/tokens.go",
		`got.Access = ""`,
		``}, "mixed answers"},
	{mutation{"at_hash is not looked at", "rp/internal/idtoken/idtoken.go",
		`t.AccessTokenHash != "" && want.AccessToken != ""`,
		`false`}, "mixed answers"},
	{mutation{"azp is not looked at", "rp/internal/idtoken/idtoken.go",
		`p.AZP != nil && *p.AZP != want.ClientID`,
		`false`}, "mixed answers"},
	{mutation{"a second audience is not looked at", "rp/internal/idtoken/idtoken.go",
		`!slices.Contains(want.TrustedAudiences, aud)`,
		`!slices.Contains(append(want.TrustedAudiences, aud), aud)`}, "mixed answers"},
	{mutation{"a doubt that another call has left is not read", "rp/internal/engine/refresh.go",
		`lost := doubted(st.Data) // it`,
		`lost := false // it`}, "lost answers"},
	// The right one is blamed
	{mutation{"userinfo is asked about a token that was renewed just now", "rp/transport.go",
		"	if !renewed {\n",
		"	if renewed = false; true {\n"}, "broken API"},
	{mutation{"a client goes on when many sessions were asked to wait", "rp/internal/engine/breaker.go",
		`return len(f.limited) >= limitsToPause`,
		`return false`}, "many 429"},
	// An IdP that hangs
	{mutation{"the pool of calls has no limit", "rp/internal/idp/provider.go",
		`make(chan struct{}, c.MaxCalls)`,
		`make(chan struct{}, 1000)`}, "small pool"},
	{mutation{"the breaker never opens", "rp/internal/engine/breaker.go",
		`if f.timeouts < timeoutsToOpen || fl.tries {`,
		`if true {`}, "long hang"},
	{mutation{"all try while the breaker is open", "rp/internal/engine/breaker.go",
		`if f.trying {`,
		`if false {`}, "long hang"},
	{mutation{"a signal that is due is waited for", "rp/internal/engine/decide.go",
		`		p.SignalBeside(ctx, st)
	case lifetime.Overdue:`,
		`		_, _ = p.Tell(ctx, st)
	case lifetime.Overdue:`}, "long hang"},
	{mutation{"a public page waits for the IdP", "rp/optional.go",
		`g.engine.SignalBeside(r.Context(), st)`,
		`_, _ = g.engine.Tell(r.Context(), st)`}, "long hang"},
	{mutation{"a log-in waits for its code as long as that takes", "rp/exchange.go",
		`inTime(x.engine, x.cfg.WaitFor,`,
		`inTime(x.engine, time.Hour,`}, "late codes"},
	{mutation{"what comes of a code too late is not revoked", "rp/exchange.go",
		"			if err == nil {\n				x.engine.Orphaned(got",
		"			if false {\n				x.engine.Orphaned(got"}, "late codes"},
	{mutation{"a browser that hangs up stops the call", "rp/internal/engine/work.go",
		`context.WithTimeout(context.WithoutCancel(ctx), d)`,
		`context.WithTimeout(ctx, d)`}, "closed tabs"},
	// Silent log-ins
	{mutation{"interaction_required is an end", "rp/internal/verdict/login.go",
		`return NotSilently`,
		`return NoSession`}, "no silence"},
	{mutation{"that a browser is sent to ask is not noted", "rp/silent.go",
		`d.Asked = now; return true`,
		`_ = now; return false`}, ""},
	{mutation{"a renewal keeps no tokens", "rp/silent.go",
		`if f.Renews == st.Data.Generation+1 && f.About == st.Rec.Key.Short() {`,
		`if false {`}, ""},
	{mutation{"a token whose end has come goes on", "rp/internal/engine/renew.go",
		`return d.Renew || lifetime.Over(p.tokensLast(d), p.Now())`,
		`return d.Renew`}, ""},
	{mutation{"a refusal about the end of the refresh token is believed", "rp/internal/engine/refresh.go",
		`} else if v == verdict.Ended && !other && !p.refreshGood(st.Data, sent) {`,
		`} else if false {`}, "two clocks"},
	{mutation{"userinfo is believed about a token that ran out", "rp/internal/engine/signal.go",
		`st.Data.UserinfoFits && p.good(st.Data, sent)`,
		`st.Data.UserinfoFits`}, ""},
	{mutation{"a probe of the IdP takes 20 s", "rp/internal/idp/pulse.go",
		`probeTimeout = 2 * time.Second`,
		`probeTimeout = 20 * time.Second`}, ""},
	{mutation{"who was heard half an hour ago is there", "rp/internal/idp/pulse.go",
		`heardWithin  = 30 * time.Second`,
		`heardWithin  = 30 * time.Minute`}, ""},
	// A session lives or ends
	{mutation{"a script is told to wait where only a log-in helps", "rp/internal/engine/flight.go",
		"				return nil, cause\n",
		"				return nil, Busy(wait, \"later\")\n"}, "two browsers"},
	{mutation{"an IdP that answers is said to be silent", "rp/internal/engine/signal.go",
		`		return reason.IdPSilent
	}
	return reason.IdPFails`,
		`		return reason.IdPSilent
	}
	return reason.IdPSilent`}, "errors"},
	{mutation{"the values are lost at the log-in that a doubt costs", "rp/former.go",
		`; fit {`,
		`; fit && former.Values == "" {`}, "values"},
	{mutation{"the second of two log-ins that replace a session has no values", "rp/former.go",
		`errors.Is(err, store.ErrEnded) && why != reason.Replaced:`,
		`errors.Is(err, store.ErrEnded) && why != "":`}, "values"},
}
