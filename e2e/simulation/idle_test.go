package simulation

import (
	"slices"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// judgeIdle holds C1 when an IdP session has run out: no app whose person was
// active less than W − δ ago may have let that happen. With the trailing signal
// the bound is W.
func (o *oracle) judgeIdle(t *idpSession) {
	if t.cause != idpmock.CauseIdle {
		return
	}
	for _, s := range o.born {
		if s.sid != t.sid {
			continue
		}
		for _, v := range slices.Backward(s.activity) {
			late, ok := o.mostSilence(s, v)
			if !ok || v.served() == "" || v.end > t.ended || v.end >= s.endAt || !o.reportable(s, v) {
				continue
			}
			signals := v.end + time.Second
			if s.app.knobs.Introspects {
				signals = v.end + apiFirst
			}
			if o.excused(s.app, pathIdP|pathStore|pathRestart, v.start-time.Second, signals) {
				continue
			}
			if s.app.knobs.Introspects && s.endAt <= v.end+apiFirst {
				continue // the app has ended its session before its API was asked
			}
			if end := t.last + o.w.h.Window; end < v.start+o.w.h.Window-late {
				o.breach("C1", "%s ran out at %s although %s was used at %s, only %v earlier (W %v, at most %v untold)",
					t.label, stamp(end), s.label, stamp(v.start), end-v.start, o.w.h.Window, late)
			}
			break
		}
	}
}

// apiFirst is how long an app whose API introspects waits for a call of it before
// it signals by other means.
const apiFirst = 7 * time.Second

// codeWaits is how long a code may be on its way from the IdP, which counts the
// visit, to the app, which counts the callback.
const codeWaits = time.Minute

// mostSilence is how long activity in a session may remain untold: δ, with the
// trailing signal nothing but the tolerance of the clocks, if the session lived
// until that was due and nothing was out of order. ok false: this app has no way
// to tell.
func (o *oracle) mostSilence(s *session, v *visit) (time.Duration, bool) {
	k := s.app.knobs
	slack := s.app.skew() + 2*time.Second
	if s.ok == nil { // nothing but the log-in has told the IdP
		slack += codeWaits
	}
	switch {
	case !s.app.signals() && !k.Silent:
		return 0, false
	case s.mistrusts(), s.refused(), s.asksSilently(v.start) && s.app.provider.refusesSilence():
		// What is tried when it is due comes to nothing; only when trust is over another way
		// is taken at once.
		return max(o.mostSignalEvery(s.app), orDefault(k.TrustFor, 5*time.Minute)) + slack + codeWaits, true
	case s.asksSilently(v.start):
		return o.mostSignalEvery(s.app) + slack + codeWaits, true
	case k.Trailing && s.endAt > v.end+o.mostSignalEvery(s.app) && !s.asksSilently(v.end+o.mostSignalEvery(s.app)) &&
		!o.excused(s.app, pathIdP|pathStore|pathRestart, v.start, v.end+o.mostSignalEvery(s.app)+slack):
		return slack, true
	}
	return o.mostSignalEvery(s.app) + slack, true
}

// reportable: activity that this app can report at all. One that has no tokens, or
// none that are of use, reports by navigations only.
func (o *oracle) reportable(s *session, v *visit) bool {
	return v.q.navigates() || !s.asksSilently(v.start) && !s.mistrusts() && !s.refused()
}
