package simulation

// C1: who is sent to an IdP that knows the person comes back without a password. A log-in
// by single sign-on, silent or not, is no log-out.

// doorstep is a browser that has come to its IdP.
type doorstep struct {
	sid     string // its session there lives; "": it has none
	signIns int    // in it so far
	nth     int    // visit of this browser to this IdP
	alone   bool   // no other tab is there
}

func (o *oracle) comesToIdP(b *browser, idp int) doorstep {
	o.lock()
	b.came[idp]++
	b.inside[idp]++
	d := doorstep{nth: b.came[idp], alone: b.inside[idp] == 1}
	o.unlock()
	s, err := b.idps[idp].Session()
	o.lock()
	defer o.unlock()
	if t := o.truth.sessions[s.SID]; err == nil && t != nil && t.ended == never {
		d.sid, d.signIns = t.sid, t.signIns
	}
	return d
}

func (o *oracle) leavesIdP(b *browser, a *app, d doorstep) {
	s, err := b.at(a).Session()
	o.lock()
	defer o.unlock()
	b.inside[a.idp]--
	if t := o.truth.sessions[d.sid]; t != nil && d.alone && b.came[a.idp] == d.nth && t.ended == never &&
		o.w.at() < t.last+o.w.h.Window {
		o.counts["visits to an IdP that knows the person"]++
		if t.signIns != d.signIns || err != nil || s.SID != d.sid {
			o.breach("C1", "%s asks %s for the password, although %s lives", a.name, b.name, t.label)
		}
	}
}
