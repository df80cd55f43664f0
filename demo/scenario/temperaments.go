package scenario

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp/reason"
)

// temperaments are the stories about what one kind of IdP does and others do not.
func temperaments() []Scenario {
	return []Scenario{quietAtKeycloak(), silentAtEntra(), userinfoAtEntra()}
}

func quietAtKeycloak() Scenario {
	elsewhere := func(user string) func(context.Context, *Stage) error {
		return func(ctx context.Context, st *Stage) error {
			_, err := st.Browser(user).Callback(ctx, st.URL(system.Wiki)+"/auth/login",
				st.URL(system.Wiki)+"/auth/callback")
			return err
		}
	}
	return Scenario{
		ID: "keycloak-quiet", Title: "Keycloak: the token of a quiet app",
		Setup: "The IdP is like Keycloak: an app's refresh token ends 2 minutes after this app's last refresh. " +
			"Ada uses Notes, Grace Homemade; then both work elsewhere.",
		Watch: "The IdP's ring lives on. What do Notes and Homemade do when their people come back?",
		Teaches: "Here a refused refresh does not mean that the person is gone. Notes asks by way of the browser, " +
			"and nobody types a name.",
		Settings: system.Settings{Like: "keycloak"},
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Notes, Grace to Homemade.",
					Run:    steps(signIn(ada, system.Notes), signIn(grace, system.Naive)),
					Checks: []Check{live(ada, system.Notes), idpLives(ada), idpLives(grace)}},
				{Text: "For three minutes both work in programs that send them by way of the IdP.",
					Run:    during(3*time.Minute, 30*time.Second, elsewhere(ada), elsewhere(grace)),
					Checks: []Check{idpLives(ada), idpLives(grace), live(ada, system.Notes)}},
				{Text: "Ada comes back to Notes: it sends her to the IdP, which lets her through.",
					Checks: []Check{opens(ada, system.Notes), live(ada, system.Notes),
						{"Ada has typed her name once", func(_ context.Context, st *Stage) bool {
							return signIns(st, ada) == 1
						}}}},
				{Text: "Grace comes back to Homemade: it takes the refused refresh for the end.",
					Checks: []Check{answers(grace, system.Naive, "", http.StatusUnauthorized), idpLives(grace)}},
			}
		},
	}
}

// opens checks that a person who opens a page gets it, with or without a detour to the IdP.
func opens(user, app string) Check {
	return Check{fmt.Sprintf("%s gets %s's page without typing anything", person2(user), system.Name(app)),
		func(ctx context.Context, st *Stage) bool {
			r, err := st.Browser(user).Open(ctx, st.URL(app)+"/private")
			return err == nil && r.Status == http.StatusOK && r.URL.Path == "/private"
		}}
}

func silentAtEntra() Scenario {
	var refreshes int
	own := system.Settings{Like: "entra", SilentCheck: true, TrustFor: 30 * time.Second}
	return Scenario{
		ID: "entra-silent", Title: "Entra ID: a refresh proves nothing",
		Setup: "The IdP is like Entra ID: a refresh succeeds whether the session lives or not, and no logout " +
			"token is sent. Wiki asks by way of the browser (prompt=none).",
		Watch: "Notes' refresh after the end, and how Wiki finds out.",
		Teaches: "What proves a session depends on the IdP. Here only the browser can ask (Config.SilentCheck); an " +
			"app that cannot needs a limit of its own (Config.Idle).",
		Settings: own,
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Notes and Wiki.", Run: steps(signIn(ada, system.Notes, system.Wiki),
					func(_ context.Context, st *Stage) error {
						refreshes = st.IDP.Count(idpmock.EndpointRefresh, system.Notes)
						return nil
					}), Checks: []Check{live(ada, system.Notes, system.Wiki), idpLives(ada)}},
				{Text: "An administrator ends her session at the IdP. Nobody is told.", Run: endAtIdP(ada),
					Checks: []Check{idpEnded(ada), live(ada, system.Notes, system.Wiki)}},
				{Text: "Notes needs a new access token for the API. Its refresh succeeds: the tokens outlive the " +
					"session.", Run: steps(wait(70*time.Second), do(ada, system.Notes, system.DoCallAPI)),
					Checks: []Check{count(idpmock.EndpointRefresh, system.Notes, "Notes got new tokens",
						func(n int) bool {
							return n > refreshes
						}), answers(ada, system.Notes, system.DoActive, http.StatusOK)}},
				{Text: "She opens a page of Wiki. It asks, and the IdP says that nobody is signed in.",
					Run: func(ctx context.Context, st *Stage) error {
						// What would follow the answer is a log-in; the story stops before it.
						answer, err := st.Browser(ada).Callback(ctx, st.URL(system.Wiki)+"/private",
							st.URL(system.Wiki)+"/auth/callback")
						if err == nil {
							_, err = st.Browser(ada).Fetch(ctx, answer)
						}
						return err
					}, Checks: []Check{ended(ada, system.Wiki, reason.Unconfirmed)}},
				{Text: "The remedy for Notes: an idle limit of its own, 2 minutes. She leaves for three.",
					Run: steps(func(ctx context.Context, st *Stage) error {
						with := own
						with.Idle = 2 * time.Minute
						return st.Change(ctx, with)
					}, wait(3*time.Minute)),
					Checks: []Check{answers(ada, system.Notes, system.DoActive, http.StatusUnauthorized),
						ended(ada, system.Notes, reason.Idle)}},
			}
		},
	}
}

func userinfoAtEntra() Scenario {
	refused := Check{"Reports asked userinfo, which refused the token too: no verdict",
		func(_ context.Context, st *Stage) bool {
			return slices.ContainsFunc(st.Log.Read(0).Events, func(e system.Event) bool {
				return e.Kind == system.Trouble && e.From == system.Reports && e.To == system.IdP &&
					strings.HasPrefix(e.Title, "userinfo")
			})
		}}
	return Scenario{
		ID: "entra-userinfo", Title: "Entra ID: userinfo refuses the token",
		Setup: "The IdP is like Entra ID: a token is for one resource. Reports' token is for the API, so userinfo " +
			"always refuses it.",
		Watch: "Userinfo's refusal at the log-in. Then the API breaks: what does Reports make of two refusals?",
		Teaches: "A call that has never accepted a token proves nothing by refusing it. Reports remembers that from " +
			"the log-in, and nobody is logged out.",
		Settings: system.Settings{Like: "entra"},
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Reports, and opens a report. Userinfo refuses the token; she sees nothing of " +
					"it.", Run: steps(func(_ context.Context, st *Stage) error {
					return st.IDP.Update(func(c *idpmock.Config) {
						for i := range c.Clients {
							if c.Clients[i].ID == system.Reports {
								c.Clients[i].Audience = []string{st.URL(system.API)}
							}
						}
					})
				}, signIn(ada, system.Reports)),
					Checks: []Check{live(ada, system.Reports), answers(ada, system.Reports, system.DoCallAPI,
						http.StatusOK),
						count(idpmock.EndpointUserinfo, system.Reports, "Reports asked userinfo at the log-in",
							func(n int) bool { return n > 0 })}},
				{Text: "The API breaks: it answers 401, too. The report does not come, and Reports will ask the IdP " +
					"at her next page. She stays signed in.",
					Run: steps(wait(30*time.Second), func(_ context.Context, st *Stage) error {
						st.BreakAPI(true)
						return nil
					}),
					Checks: []Check{answers(ada, system.Reports, system.DoCallAPI, http.StatusUnauthorized), refused,
						live(ada, system.Reports), answers(ada, system.Reports, system.DoActive, http.StatusOK)}},
				{Text: "The API is mended. Her next report comes, and she has typed her name once.",
					Run: steps(func(_ context.Context, st *Stage) error {
						st.BreakAPI(false)
						return nil
					}, wait(time.Minute)),
					Checks: []Check{answers(ada, system.Reports, system.DoCallAPI, http.StatusOK),
						{"Ada has typed her name once", func(_ context.Context, st *Stage) bool {
							return signIns(st, ada) == 1
						}}}},
			}
		},
	}
}
