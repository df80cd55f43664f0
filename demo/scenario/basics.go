package scenario

import (
	"context"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp/reason"
)

const (
	ada   = "ada"
	grace = "grace"
)

func basics() []Scenario {
	return []Scenario{fourSessions(), threeKinds(), oneIdle(), logoutHere()}
}

func fourSessions() Scenario {
	return Scenario{
		ID: "four-sessions", Title: "Four sessions, one person",
		Setup: "Ada signs in once and opens three apps: one session at the IdP, three in the apps. The IdP's " +
			"window is 2 minutes.",
		Watch: "The rings. Notes is used, the others are not; still none of them runs out.",
		Teaches: "Active anywhere is signed in everywhere. Inactive everywhere is signed out everywhere, and each " +
			"app can say why.",
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Notes, Reports and Wiki; she types her name once.",
					Run:    signIn(ada, system.Apps()...),
					Checks: []Check{live(ada, system.Apps()...), idpLives(ada)}},
				{Text: "For five minutes she works in Notes only, a click every 20 s.",
					Run:    during(5*time.Minute, 20*time.Second, do(ada, system.Notes, system.DoActive)),
					Checks: []Check{live(ada, system.Apps()...), idpLives(ada)}},
				{Text: "Then she goes home. Two minutes and a half pass.", Run: wait(150 * time.Second),
					Checks: []Check{idpEnded(ada), ended(ada, system.Notes, reason.BackchannelLogout),
						ended(ada, system.Reports, reason.BackchannelLogout),
						ended(ada, system.Wiki, reason.BackchannelLogout)}},
			}
		},
	}
}

func threeKinds() Scenario {
	var refreshes, introspections int
	return Scenario{
		ID: "three-kinds", Title: "Three kinds of client",
		Setup: "Notes has a refresh token, Reports only a reference token, Wiki none. The IdP's logout tokens to " +
			"Notes and Reports get lost.",
		Watch: "Who tells the IdP, by which call, and how each app finds out that it is over.",
		Teaches: "A refresh tells and asks in one call; an API that introspects does so for its callers; an app " +
			"without tokens depends on back-channel logout.",
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to all three.",
					Run: steps(signIn(ada, system.Apps()...), func(_ context.Context, st *Stage) error {
						refreshes, introspections = st.IDP.Count(idpmock.EndpointRefresh, system.Notes),
							st.IDP.Count(idpmock.EndpointIntrospect, system.API)
						for _, id := range []string{system.Notes, system.Reports} {
							st.IDP.FaultDelivery(idpmock.DeliveryFault{Client: id, Lose: true, Times: idpmock.Always})
						}
						return nil
					}), Checks: []Check{live(ada, system.Apps()...)}},
				{Text: "Half a minute later she uses Notes: it refreshes beside the page.",
					Run: steps(wait(30*time.Second), do(ada, system.Notes, system.DoActive)),
					Checks: []Check{count(idpmock.EndpointRefresh, system.Notes, "Notes refreshed", func(n int) bool {
						return n > refreshes
					})}},
				{Text: "She opens a report: Reports calls the API, the API asks the IdP.",
					Run: steps(wait(30*time.Second), do(ada, system.Reports, system.DoCallAPI)),
					Checks: []Check{count(idpmock.EndpointIntrospect, system.API, "The API introspected",
						func(n int) bool { return n > introspections })}},
				{Text: "She reads Wiki: nobody tells the IdP.",
					Run: steps(wait(10*time.Second), do(ada, system.Wiki, system.DoActive)),
					Checks: []Check{{"The IdP does not know of it", func(_ context.Context, st *Stage) bool {
						s, ok := st.idpSession(ada)
						c, joined := s.Client(system.Wiki)
						return ok && joined && s.LastActive.After(c.LastActive.Add(20*time.Second))
					}}}},
				{Text: "An administrator ends her session at the IdP. Only Wiki gets its logout token.",
					Run: endAtIdP(ada),
					Checks: []Check{ended(ada, system.Wiki, reason.BackchannelLogout),
						live(ada, system.Notes, system.Reports)}},
				{Text: "A moment later she uses Notes and Reports: both ask, and are told.",
					Run: steps(wait(30*time.Second), do(ada, system.Notes, system.DoActive),
						do(ada, system.Reports, system.DoCallAPI)),
					Checks: []Check{ended(ada, system.Notes, reason.RefreshRejected),
						ended(ada, system.Reports, reason.APIUnauthorized)}},
			}
		},
	}
}

func oneIdle() Scenario {
	return Scenario{
		ID: "one-idle", Title: "Two tabs, two apps, one idle",
		Setup: "Ada has a tab of Reports and one of Wiki open. Wiki's page looks for news every 15 s.",
		Watch: "Wiki's ring says “only the IdP knows”: it has no clock of its own, and its polls are no activity.",
		Teaches: "An app's own countdown must not log a person out of the others. A quiet app asks, or waits to be " +
			"told (C3).",
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Reports and Wiki.", Run: signIn(ada, system.Reports, system.Wiki),
					Checks: []Check{live(ada, system.Reports, system.Wiki)}},
				{Text: "Six minutes she works in Reports; the tab with Wiki only polls.",
					Run: during(6*time.Minute, 15*time.Second, do(ada, system.Reports, system.DoCallAPI),
						do(ada, system.Wiki, system.DoPassive)),
					Checks: []Check{live(ada, system.Reports, system.Wiki), idpLives(ada)}},
				{Text: "She turns to Wiki: she is still signed in.",
					Checks: []Check{answers(ada, system.Wiki, system.DoActive, 200)}},
				{Text: "Now nobody works, and the tab polls on.", Run: during(150*time.Second, 15*time.Second,
					do(ada, system.Wiki, system.DoPassive)),
					Checks: []Check{idpEnded(ada), ended(ada, system.Wiki, reason.BackchannelLogout),
						ended(ada, system.Reports, reason.BackchannelLogout)}},
			}
		},
	}
}

func logoutHere() Scenario {
	return Scenario{
		ID: "logout", Title: "Log out in one app",
		Setup:   "Ada is signed in to three apps and logs out in one.",
		Watch:   "The order: the app's own session goes first, then the IdP's, then everybody else's.",
		Teaches: "A logout reaches every app within a second, and each page knows why (C8).",
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to all three.", Run: signIn(ada, system.Apps()...),
					Checks: []Check{live(ada, system.Apps()...)}},
				{Text: "She presses “Log out” in Wiki.", Run: do(ada, system.Wiki, system.DoLogout),
					Checks: []Check{ended(ada, system.Wiki, reason.UserLogout), idpEnded(ada),
						ended(ada, system.Notes, reason.BackchannelLogout),
						ended(ada, system.Reports, reason.BackchannelLogout)}},
			}
		},
	}
}

func endAtIdP(user string) func(context.Context, *Stage) error {
	return func(_ context.Context, st *Stage) error {
		s, ok := st.idpSession(user)
		if !ok {
			return idpmock.ErrNoSession
		}
		return st.EndAtIdP(s.SID)
	}
}
