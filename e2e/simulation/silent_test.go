package simulation

import (
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp"
)

// A silent log-in on a navigation is how an app asks that has no tokens, or none that
// are of any use.

// asksSilently: at that time perhaps nothing but a navigation may ask the IdP about s.
func (s *session) asksSilently(at time.Duration) bool {
	if !s.app.signals() && s.app.knobs.Silent {
		return true
	}
	return slices.ContainsFunc(s.chains(), func(c *chain) bool { return s.over(c, at) })
}

// over: the tokens of a chain are of no use any more, by some clock.
func (s *session) over(c *chain, at time.Duration) bool {
	const early = 5*time.Second + time.Second
	if s.app.kind == rp.ReferenceToken {
		return c.worn || at >= c.fetched+s.app.knobs.TokenLife-early-s.app.skew()
	}
	return c.worn || c.lasts > 0 && at >= c.lasts-early-s.app.skew()
}

// runningOut: the tokens of s are over by some clock and not by another one.
func (s *session) runningOut(at time.Duration) bool {
	const around = 12 * time.Second
	return slices.ContainsFunc(s.chains(), func(c *chain) bool {
		return s.over(c, at) && !s.over(c, at-around-2*s.app.skew())
	})
}

// worn: a token of s was refused about when it was to end.
func (s *session) worn() bool {
	return slices.ContainsFunc(s.chains(), func(c *chain) bool { return c.worn })
}

// chains are those of which one is that of the session: after several silent log-ins at
// once, or one at the end of a token, it is not known what has been kept.
func (s *session) chains() []*chain {
	if s.chain == nil {
		return nil
	}
	return append(slices.Concat(s.rivals, s.perhaps), s.chain)
}

// mistrusts: a refusal of its token is no word about s, because userinfo has never
// taken one of it, or a revocation may have hit it. Then too only a navigation can ask.
func (s *session) mistrusts() bool {
	return s.app.kind == rp.ReferenceToken &&
		(s.reachable() || !slices.ContainsFunc(s.chains(), func(c *chain) bool { return c.fits }))
}

// asksByItself: the app can ask about s without a navigation.
func (s *session) asksByItself(at time.Duration) bool {
	return s.app.signals() && !s.asksSilently(at) && !s.mistrusts()
}

// renewed notes that a silent log-in has brought other tokens.
func (o *oracle) renewed(s *session, c *chain, began time.Duration) {
	if s.renewedAt >= began || !s.over(s.chain, began-2*s.app.skew()) {
		s.rivals = append(s.rivals, s.chain)
	} else {
		s.rivals = nil
	}
	s.chain, s.renewedAt = c, o.w.at()
}

// uses notes that the session uses the tokens of a chain. Who does so may not know newer ones.
func (s *session) uses(c *chain) {
	older := func(other *chain) bool { return other == c || other.fetched <= c.fetched }
	s.rivals = slices.DeleteFunc(s.chains(), older)
	s.chain = c
}

// heard is the last successful signal of s that every instance of the app knows by v.
func (o *oracle) heard(s *session, v *visit) *call {
	for _, c := range slices.Backward(s.oks) {
		if c.to < v.start-o.w.h.Late && !o.excused(s.app, pathStore|pathRestart, c.from, c.to) {
			return c
		}
	}
	return nil
}

// mayLogInAnew: a live session may be sent to a whole log-in, because it was asked
// about silently less than δ ago without an answer, or because its token may be spent.
func (o *oracle) mayLogInAnew(v *visit, s *session) bool {
	settled := s.began
	if c := o.heard(s, v); c != nil {
		settled = max(settled, c.to)
	}
	if s.asked > 0 && s.asked >= settled && v.start <= s.asked+o.mostSignalEvery(s.app)+s.app.skew() {
		return true
	}
	asked := v.start - o.mostSignalEvery(s.app) - s.app.skew()
	if (s.asksSilently(v.end) || s.mistrusts()) && o.excused(s.app, pathStore, asked, v.start) {
		return true // that it was to be asked about was stored, and nobody was told
	}
	for other := range o.visits { // it is being begun
		if other.session == s.name && other.q.kind == login && strings.Contains(other.q.path, "silent=1") {
			return true
		}
	}
	return s.refused()
}

// judgeAskedAgain: what was asked in vain is not asked again within δ, or a browser would
// go in circles. That somebody has asked may not be known everywhere yet.
func (o *oracle) judgeAskedAgain(v *visit, s *session) {
	settled := s.began
	if s.ok != nil {
		settled = max(settled, s.ok.to)
	}
	skew := s.app.skew() + time.Second
	if s.asked > settled && v.start > s.asked+o.w.h.Late && v.start < s.asked+o.leastSignalEvery(s.app)-skew &&
		!o.excused(s.app, pathStore|pathRestart, s.asked, v.end) {
		o.breach("C7", "%s asks silently about %s again, %v after it has asked in vain", v.in.name, s.label,
			v.start-s.asked)
	}
}

// refused: the session's token is refused in words that are no verdict, or will be,
// because it may be spent. It takes a log-in to get another one.
func (s *session) refused() bool {
	return s.chain != nil && (s.chain.doubted || s.chain.unnoted || s.chain.refused || s.reachable())
}

// sentOn judges where an app sends a live session instead of serving it; false: that is
// nothing which it may do.
func (o *oracle) sentOn(v *visit, s *session) bool {
	to := v.header.Get("Location")
	switch {
	case v.q.navigates() && !strings.HasPrefix(to, "/auth/login"):
		return false
	case strings.Contains(to, "silent=1"):
		// tokens of which v has not heard
		news := s.renewedAt >= v.start || s.ok != nil && s.ok.to >= v.start-o.w.h.Late
		if !v.q.navigates() || !s.asksSilently(v.end) && !s.mistrusts() && !news {
			o.breach("C3", "%s sends %s to a silent log-in", v.in.name, v.q.kind)
		}
		o.judgeAskedAgain(v, s)
		o.judgeDark(v, s)
		return true
	case strings.Contains(to, "anew=1"), v.problem().Error == "login_required":
		o.counts["log-ins of who is in"]++
		return o.mayLogInAnew(v, s)
	}
	return false
}
