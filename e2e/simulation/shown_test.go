package simulation

import "slices"

// shownElsewhere: another instance has shown the same refresh token, and the IdP may read that
// as reuse, now or later.
func (c *call) shownElsewhere() bool {
	return c.shownBefore(func(other *call) bool { return other.in != c.in })
}

// shownBefore: the same refresh token was shown by another call, too, of that kind.
func (c *call) shownBefore(kind func(*call) bool) bool {
	i := slices.IndexFunc(c.chain.refresh, func(t *token) bool { return t.value == c.token })
	return i >= 0 && slices.ContainsFunc(c.chain.refresh[i].shown, func(other *call) bool {
		return other != c && (kind == nil || kind(other))
	})
}

// mayBeRead: nobody has waited for the answer to the end, or it was good.
func (c *call) mayBeRead() bool {
	return c.to == never || c.good() || c.status == 0 && c.to-c.from >= slowestCall
}

// shownBeside: another instance has shown the same refresh token, and has not been refused. An
// IdP that detects reuse takes the new token along.
func (c *call) shownBeside() bool {
	return c.shownBefore(func(other *call) bool { return other.in != c.in && (other.to == never || other.good()) })
}
