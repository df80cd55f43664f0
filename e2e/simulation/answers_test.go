package simulation

import (
	"slices"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// Answers to a refresh that took effect and have something wrong in them. The refresh
// token that came is the only one that works from then on (CORE-10, RT-09, RT-10).

// oddAnswers are of use all the same: nobody may be logged out by them, nobody may be
// told to wait, and the refresh token in them is the next to be shown.
var oddAnswers = func() (all []idpmock.Fault) {
	for _, f := range idpmock.IDTokenFaults() {
		switch f {
		case idpmock.IDTokenChangedSid, idpmock.IDTokenRotatedKey: // no faults: a new sid, a new key
			continue
		}
		all = append(all, idpmock.Fault{IDToken: f})
	}
	for _, f := range []idpmock.ResponseFault{
		idpmock.ResponseNoTokenType, idpmock.ResponseExpiresInText, idpmock.ResponseNoExpiresIn,
		idpmock.ResponseNoIDToken,
		idpmock.ResponseTokenTypeCase, idpmock.ResponseTokenTypeOther, idpmock.ResponseNoAccessToken,
		idpmock.ResponseNoRefreshToken,
	} {
		all = append(all, idpmock.Fault{Response: f})
	}
	return append(all, idpmock.Fault{Header: map[string]string{"Content-Type": "text/plain"}})
}()

// lostAnswers cannot be read at all, so that nobody knows which token is good.
var lostAnswers = []idpmock.Fault{
	{Response: idpmock.ResponseTruncated}, {Response: idpmock.ResponseEmpty}, {Response: idpmock.ResponseNotJSON},
}

func (w *world) spoilAnswers(a act) {
	app := w.apps[a.App]
	t := &trouble{path: pathAnswer, of: app.alone(), tail: feltAfter}
	n := a.V[0]*16 + a.V[1]
	f := oddAnswers[n%len(oddAnswers)]
	if a.V[2] > 12 {
		f, t.path = lostAnswers[n%len(lostAnswers)], pathAnswer|pathIdP
	}
	f.Client, f.Endpoint, f.Times = app.client, idpmock.EndpointRefresh, idpmock.Always
	if a.V[3] < 8 {
		f.Times = a.Count
	}
	t.what = "answers to refreshes of " + app.name + ": " + f.String()
	if f.Header != nil {
		t.what += "text/plain"
	}
	if f.Response == idpmock.ResponseNoExpiresIn {
		app.lifeless.Store(true)
	}
	w.oracle.trouble(t)
	on := app.provider.Fault(f)
	w.sleep(a.Every)
	on.Remove()
	for range on.Hits() {
		w.oracle.count("odd answers to a refresh")
	}
	w.oracle.over(t)
}

// explainOther: an answer that was meant for the session has named another person.
func (o *oracle) explainOther(s *session, wrong func(string)) {
	if !slices.ContainsFunc(s.calls, func(c *call) bool { return c.idSub != "" && c.idSub != s.person }) {
		wrong("no answer has named another person")
	}
}
