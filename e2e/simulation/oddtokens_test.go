package simulation

import (
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// longestLife is how old a logout token may be at the most, whatever its exp (BCL-09).
const longestLife = 15 * time.Minute

// bringOddToken lets the IdP send a logout token as some do: with an exp far ahead, so that it
// may be delivered late (BCL-09), or with the sub of the person and a sid that the app has never
// heard of (BCL-15). Both are good.
func (w *world) bringOddToken(a act) {
	b, app := w.people[a.Browser], w.apps[a.App]
	s, err := b.at(app).Session()
	if err != nil || !app.provider.temper.Has("backchannel_logout_supported") {
		return
	}
	late, forms := time.Duration(0), []idpmock.LogoutFault(nil)
	if a.V[0]%2 == 0 {
		late, forms = time.Duration(a.V[1]%12)*time.Minute, []idpmock.LogoutFault{idpmock.LogoutLongExp}
	} else {
		s = idpmock.Session{SID: "somewhere else", Subject: s.Subject}
	}
	token, err := app.provider.LogoutToken(app.client, s, forms...)
	if err != nil {
		panic(err)
	}
	w.oracle.say("idp", "makes an odd logout token of %s for %s", b.name, app.name)
	w.amid(a, late, func() { _, _ = app.provider.Deliver(w.ctx, app.client, token) })
}

// life is how long a logout token may be on its way.
func (c *claims) life() time.Duration {
	return min(time.Duration(c.Exp-c.Iat)*time.Second, longestLife)
}
