package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/keyset"
	"github.com/tandem-sso/tandem/rp/internal/lifetime"
	"github.com/tandem-sso/tandem/rp/store"
)

// findings are told once each.
type findings struct {
	mu   sync.Mutex
	list []store.Finding
}

// add notes a finding and reports whether it is new.
func (f *findings) add(n store.Finding) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, old := range f.list {
		if old.Code == n.Code {
			return false
		}
	}
	f.list = append(f.list, n)
	return true
}

// forget drops a finding that says something else now.
func (f *findings) forget(code, unless string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = slices.DeleteFunc(f.list, func(old store.Finding) bool { return old.Code == code && old.Text != unless })
}

func (p *Engine) Known() []store.Finding { return p.found.all() }

func (f *findings) all() []store.Finding {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.list)
}

func (p *Engine) Report(list []store.Finding) {
	for _, f := range list {
		if !p.found.add(f) {
			continue
		}
		if f.Serious {
			p.log.Warn(f.Text, "finding", f.Code)
		} else {
			p.log.Info(f.Text, "finding", f.Code)
		}
	}
}

// Observe compares a token response with the configuration.
func (p *Engine) Observe(t *Tokens) { p.Report(judgeTokens(&p.cfg, t)) }

// JudgeAnswer reports a finding if an answer of the IdP shows that something is set wrong,
// whatever the call was for.
func (p *Engine) JudgeAnswer(out *idp.Outcome) {
	p.judgeRead("userinfo", p.cfg.UserinfoAgain, out.Unread) // at a log-in that needs it, the log-in fails
	if out.Code == "invalid_dpop_proof" {
		p.Report([]store.Finding{{Code: "dpop_proof_refused", Serious: true, Text: "The IdP refuses the DPoP proofs " +
			"of this client (invalid_dpop_proof). No session ends because of this, but the IdP renews no session " +
			"either. Compare the clocks of " +
			"this server and the IdP, and the address of its token endpoint as this app calls it with the one that " +
			"the IdP knows: a proxy in between may change scheme, host or path. The IdP's log has its reason."}})
	}
	if errors.Is(out.Err, idp.ErrOtherSubject) { // CORE-11
		p.Report([]store.Finding{{Code: "userinfo_other_subject", Serious: true, Text: "Userinfo has named another " +
			"subject (sub) than the ID token. This app does not use that answer, and no session ends because of it. " +
			"If this happens for everybody, change the IdP so that both have the same sub (one of them may have a " +
			"pairwise sub, or a claim that is mapped to sub). If it happens for some people only, find out why the " +
			"IdP gives them tokens of other people."}})
	}
}

// judgeRead reports that an answer which came directly from the IdP cannot be read. A logout
// token that cannot be read is no finding, because strangers could send one.
func (p *Engine) judgeRead(what string, serious bool, err error) {
	var (
		alg    *keyset.AlgError
		locked *idp.EncryptedError
		cure   string
	)
	switch {
	case errors.As(err, &alg):
		cure = "Set Config.IDTokenAlg to the algorithm that the IdP uses for this client, or register another one " +
			"there (id_token_signed_response_alg, userinfo_signed_response_alg)."
	case errors.As(err, &locked):
		cure = "The IdP has to encrypt with the public halves of Config.DecryptionKeys."
	case errors.Is(err, keyset.ErrNoKey):
		cure = "The IdP has to publish each key at its jwks_uri before it signs with that key, and this app has to " +
			"reach that jwks_uri."
	default:
		return
	}
	p.Report([]store.Finding{{Code: "unreadable", Serious: serious,
		Text: fmt.Sprintf("The IdP has sent %s that cannot be read here: %v. %s", what, err, cure)}})
}

// StoreFindings is what the store says of itself.
func StoreFindings(ctx context.Context, in store.Store, within time.Duration) []store.Finding {
	s, ok := in.(store.FindingStore)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	return s.Findings(ctx)
}

func judgeTokens(c *Config, t *Tokens) []store.Finding {
	var out []store.Finding
	say := func(serious bool, code, text string, args ...any) {
		out = append(out, store.Finding{Code: code, Serious: serious, Text: fmt.Sprintf(text, args...)})
	}
	w := c.IdPWindow
	if w == 0 {
		w = t.window
	}
	if w > 0 && t.life >= w && c.Kind != NoToken {
		every := c.SignalEvery
		if every == 0 {
			every = lifetime.DefaultSignalEvery(w, t.life)
		}
		say(false, "token_outlives_window", "The access token lives %v and the IdP's window is %v: a client that "+
			"refreshes only shortly before the token's end would log active people out. This library avoids that: it "+
			"reports activity every %v.", t.life, w, every.Round(time.Second))
	}
	if w == 0 && c.Kind != NoToken {
		say(false, "window_unknown", "The IdP does not say how long its idle window is; set Config.IdPWindow, or the "+
			"app serves people who return after it for up to %v before it asks the IdP.", c.TrustFor)
	}
	if c.Kind == RefreshToken && t.refresh == "" && t.ID != nil {
		say(true, "no_refresh_token", "The IdP issued no refresh token; many IdPs need the scope offline_access, or "+
			"a setting of the client. This app uses userinfo instead, if userinfo extends the IdP's session.")
	}
	if c.Kind != NoToken && !t.IsAsked() {
		say(true, "token_type", "The IdP issued an access token of type %s, which was not asked for. It is shown to "+
			"nobody: handlers get no access token, and APIs are not called, until the IdP issues %s tokens again; "+
			"look at the settings of this client there (DPoP, sender-constrained tokens), and at Config.DPoP.",
			Quoted(t.Kind), TypeOf(t.Key))
	}
	if t.ID != nil && t.ID.SID == "" {
		say(false, "no_sid", "The ID token carries no sid: a logout token can only name the person, so it ends the "+
			"person's sessions in all browsers.")
	}
	if t.life == 0 && c.Kind != NoToken {
		say(false, "no_expires_in", "The token response has no expires_in: the app notices the end of a token only "+
			"when an API answers 401.")
	}
	if c.SignalEvery > 0 && w > 0 && c.SignalEvery >= w {
		say(true, "signals_too_rare", "Config.SignalEvery (%v) is not shorter than the IdP's window (%v): active "+
			"people will be logged out between two signals.", c.SignalEvery, w)
	}
	return out
}
