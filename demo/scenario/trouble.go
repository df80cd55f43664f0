package scenario

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp/reason"
)

// trouble are the stories about what does not work.
func trouble() []Scenario {
	return []Scenario{outage(), hangingIdP(), brokenAPI(), lostLogout(), outlivingJWT()}
}

func outage() Scenario {
	return Scenario{
		ID: "outage", Title: "The IdP is away for half an hour",
		Setup: "The window is an hour, a confirmation is trusted for 5 minutes. Ada uses Notes, Grace Homemade. " +
			"Then every connection to the IdP is cut.",
		Watch:   "Notes: served, then 503 with Retry-After, then served again. Nobody has to log in.",
		Teaches: "An outage is not a log-out. Trust is bounded, and the cookie stays (C6).",
		Settings: system.Settings{IdPIdle: time.Hour, IdPAbsolute: 8 * time.Hour, TrustFor: 5 * time.Minute,
			SignalEvery: time.Minute},
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Notes, Grace to Homemade.",
					Run:    steps(signIn(ada, system.Notes), signIn(grace, system.Naive)),
					Checks: []Check{live(ada, system.Notes)}},
				{Text: "The IdP goes down. Three minutes later both click.",
					Run: steps(down(true), wait(3*time.Minute)),
					Checks: []Check{answers(ada, system.Notes, system.DoActive, 200),
						answers(grace, system.Naive, "", 401)}},
				{Text: "Ten minutes: the trust has run out. Ada is asked to try again, not to log in.",
					Run:    wait(7 * time.Minute),
					Checks: []Check{answers(ada, system.Notes, system.DoActive, 503), live(ada, system.Notes)}},
				{Text: "After half an hour the IdP is back.", Run: steps(wait(20*time.Minute), down(false),
					wait(time.Minute)),
					Checks: []Check{answers(ada, system.Notes, system.DoActive, 200),
						answers(grace, system.Naive, "", 401)}},
			}
		},
	}
}

func down(off bool) func(context.Context, *Stage) error {
	return func(_ context.Context, st *Stage) error {
		st.SetIdPDown(off)
		return nil
	}
}

func hangingIdP() Scenario {
	const most = 2 * time.Second // that anybody waits
	hangs := func(on bool) func(context.Context, *Stage) error {
		return func(_ context.Context, st *Stage) error { st.SetIdPHangs(on); return nil }
	}
	within := func(user, app string, status int) Check {
		text := fmt.Sprintf("%s answers %s with %d %s, within %.0f s", system.Name(app), person2(user), status,
			http.StatusText(status), (most + time.Second).Seconds())
		return Check{text, func(ctx context.Context, st *Stage) bool {
			begun := time.Now()
			got, err := st.act(ctx, user, app, system.DoActive)
			return err == nil && got == status && time.Since(begun) < most+time.Second
		}}
	}
	return Scenario{
		ID: "idp-hangs", Title: "The IdP hangs",
		Setup: "The window is an hour, a confirmation is trusted for 5 minutes. Then the IdP takes every call and " +
			"answers none. Ada uses Notes, Grace Reports. An app waits 2 s for the IdP, no longer.",
		Watch: "The answers of both apps: served, then 503 with Retry-After within seconds, then served again.",
		Teaches: "An IdP that hangs is worse than one that is away: whoever waits for it hangs too. A wait is " +
			"bounded (Config.WaitFor), and is no verdict (C6).",
		Settings: system.Settings{IdPIdle: time.Hour, IdPAbsolute: 8 * time.Hour, TrustFor: 5 * time.Minute,
			SignalEvery: time.Minute, WaitFor: most},
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Notes, Grace to Reports.",
					Run:    steps(signIn(ada, system.Notes), signIn(grace, system.Reports)),
					Checks: []Check{live(ada, system.Notes), live(grace, system.Reports)}},
				{Text: "The IdP hangs. Three minutes later both click, and nobody waits.",
					Run: steps(hangs(true), wait(3*time.Minute)),
					Checks: []Check{within(ada, system.Notes, http.StatusOK),
						within(grace, system.Reports, http.StatusOK)}},
				{Text: "Ten minutes: the trust has run out. Both are asked to try again, not to log in.",
					Run: wait(7 * time.Minute),
					Checks: []Check{within(ada, system.Notes, http.StatusServiceUnavailable),
						within(grace, system.Reports, http.StatusServiceUnavailable), live(ada, system.Notes),
						live(grace, system.Reports)}},
				{Text: "The IdP answers again. A minute later everybody is back, without a log-in.",
					Run: steps(hangs(false), wait(time.Minute)),
					Checks: []Check{answers(ada, system.Notes, system.DoActive, http.StatusOK),
						answers(grace, system.Reports, system.DoActive, http.StatusOK)}},
			}
		},
	}
}

func brokenAPI() Scenario {
	breaks := func(on bool) func(context.Context, *Stage) error {
		return func(_ context.Context, st *Stage) error { st.BreakAPI(on); return nil }
	}
	return Scenario{
		ID: "broken-api", Title: "A broken API",
		Setup: "A gateway before the API is misconfigured: it answers 401 to every token, good ones too. Ada uses " +
			"Notes and Reports, which both call the API.",
		Watch: "What each app does with the 401: it asks the IdP whether the token is good. Then it is the API " +
			"that is to blame.",
		Teaches: "A 401 of an API is a question, not an end. If the IdP vouches for the token, the app says that the " +
			"API does not work, and keeps the session (C6).",
		Steps: func() []Step {
			blamed := func(app string) Check { return answers(ada, app, system.DoCallAPI, http.StatusBadGateway) }
			return []Step{
				{Text: "Ada signs in to Notes and Reports. Both call the API.",
					Run: signIn(ada, system.Notes, system.Reports),
					Checks: []Check{answers(ada, system.Notes, system.DoCallAPI, http.StatusOK),
						answers(ada, system.Reports, system.DoCallAPI, http.StatusOK)}},
				{Text: "The gateway breaks. Both call again: Notes refreshes and tries once more, Reports asks " +
					"userinfo.", Run: breaks(true),
					Checks: []Check{blamed(system.Notes), blamed(system.Reports),
						live(ada, system.Notes, system.Reports)}},
				{Text: "For three minutes she tries again and again, and uses the rest of both apps.",
					Run: during(3*time.Minute, 15*time.Second,
						do(ada, system.Notes, system.DoCallAPI), do(ada, system.Reports, system.DoCallAPI),
						do(ada, system.Notes, system.DoActive), do(ada, system.Reports, system.DoActive)),
					Checks: []Check{live(ada, system.Notes, system.Reports), idpLives(ada),
						answers(ada, system.Notes, system.DoActive, http.StatusOK),
						answers(ada, system.Reports, system.DoActive, http.StatusOK)}},
				{Text: "The gateway is mended. The next calls go through.", Run: breaks(false),
					Checks: []Check{answers(ada, system.Notes, system.DoCallAPI, http.StatusOK),
						answers(ada, system.Reports, system.DoCallAPI, http.StatusOK)}},
			}
		},
	}
}

func lostLogout() Scenario {
	return Scenario{
		ID: "lost-logout", Title: "A logout token gets lost",
		Setup: "A firewall swallows the IdP's logout tokens. Ada's session is ended at the IdP.",
		Watch: "Notes goes on for a moment, until it has something to tell the IdP.",
		Teaches: "Back-channel logout is fast, but proves nothing when it is silent. The refresh that reports " +
			"activity finds the end as well.",
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Notes.",
					Run: steps(signIn(ada, system.Notes), func(_ context.Context, st *Stage) error {
						st.LoseDeliveries(true)
						return nil
					}), Checks: []Check{live(ada, system.Notes)}},
				{Text: "Her session is ended at the IdP; the logout token is lost.", Run: endAtIdP(ada),
					Checks: []Check{idpEnded(ada), live(ada, system.Notes)}},
				{Text: "At her next click after δ the refresh is refused, and Notes knows.",
					Run: steps(wait(30*time.Second), do(ada, system.Notes, system.DoActive)),
					Checks: []Check{ended(ada, system.Notes, reason.RefreshRejected),
						answers(ada, system.Notes, system.DoActive, 401)}},
			}
		},
	}
}

func outlivingJWT() Scenario {
	var token string
	calls := func(path string, status int, text string) Check {
		return Check{fmt.Sprintf("%s: %d %s", text, status, http.StatusText(status)),
			func(ctx context.Context, st *Stage) bool {
				got, err := callAPI(ctx, st, path, token)
				return err == nil && got == status
			}}
	}
	const alone, asks = "The API that only reads the token", "The API that asks the IdP"
	take := func(ctx context.Context, st *Stage) (err error) {
		token, err = tokenOf(ctx, st, ada, system.Notes)
		return err
	}
	lives := func(d time.Duration) func(context.Context, *Stage) error {
		return func(_ context.Context, st *Stage) error {
			return st.IDP.Update(func(c *idpmock.Config) {
				for i := range c.Clients {
					if c.Clients[i].ID == system.Notes {
						c.Clients[i].AccessTokenType, c.Clients[i].AccessTokenLifetime = idpmock.JWT, d
					}
				}
			})
		}
	}
	return Scenario{
		ID: "jwt-outlives", Title: "A bearer JWT that outlives the session",
		Setup: "Notes' access token is a JWT that lives 10 minutes. A script has a copy of it. One API reads the " +
			"token by itself, the other asks the IdP.",
		Watch: "What each API says after Ada has logged out.",
		Teaches: "A JWT that nobody asks about is good until it runs out. Either the API asks, or the token lives no " +
			"longer than you can bear.",
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Notes. A script copies her access token.",
					Run:    steps(lives(10*time.Minute), signIn(ada, system.Notes), take),
					Checks: []Check{calls("/whoami-jwt", 200, alone), calls("/whoami", 200, asks)}},
				{Text: "Ada logs out.", Run: do(ada, system.Notes, system.DoLogout), Checks: []Check{idpEnded(ada)}},
				{Text: "The script goes on with its copy.", Checks: []Check{calls("/whoami-jwt", 200, alone),
					calls("/whoami", 401, asks)}},
				{Text: "Ten minutes later it has run out.", Run: wait(10 * time.Minute),
					Checks: []Check{calls("/whoami-jwt", 401, alone)}},
				{Text: "The other remedy: a token of 30 s. Ada signs in, and logs out again.",
					Run: steps(lives(30*time.Second), signIn(ada, system.Notes), take,
						do(ada, system.Notes, system.DoLogout)),
					Checks: []Check{calls("/whoami-jwt", 200, alone)}},
				{Text: "Half a minute later even the careless API refuses.", Run: wait(31 * time.Second),
					Checks: []Check{calls("/whoami-jwt", 401, alone)}},
			}
		},
	}
}
