package scenario

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/rp/reason"
)

// people are the stories about what people do, and what is done to them.
func people() []Scenario { return []Scenario{morning(), stolenCookie()} }

func morning() Scenario {
	return Scenario{
		ID: "morning", Title: "Restored tabs in the morning",
		Setup: "In the evening Ada closes her laptop with three tabs open. In the morning the browser restores " +
			"them, and each page asks its app for news.",
		Watch: "What the three tabs are told, and how often she types her name.",
		Teaches: "A restored tab is no activity: it revives nothing, and says why the session is over. One log-in " +
			"serves all three.",
		Steps: func() []Step {
			polls := func(app string) Check { return answers(ada, app, system.DoPassive, http.StatusUnauthorized) }
			return []Step{
				{Text: "Ada signs in to all three, and closes her laptop.", Run: signIn(ada, system.Apps()...),
					Checks: []Check{live(ada, system.Apps()...)}},
				{Text: "Twelve hours pass.", Run: wait(12 * time.Hour),
					Checks: []Check{idpEnded(ada), ended(ada, system.Notes, reason.BackchannelLogout),
						ended(ada, system.Reports, reason.BackchannelLogout),
						ended(ada, system.Wiki, reason.BackchannelLogout)}},
				{Text: "The browser restores three tabs. Each asks by itself.",
					Checks: []Check{polls(system.Notes), polls(system.Reports), polls(system.Wiki), idpEnded(ada)}},
				{Text: "She logs in to Notes, and goes on to the other tabs.", Run: signIn(ada, system.Apps()...),
					Checks: []Check{idpLives(ada), live(ada, system.Apps()...)}},
			}
		},
	}
}

func stolenCookie() Scenario {
	var session string
	thief := func(status int) Check {
		return Check{fmt.Sprintf("Notes answers the copy with %d %s", status, http.StatusText(status)),
			func(ctx context.Context, st *Stage) bool {
				r, err := st.Do(ctx, system.Notes, session, system.DoActive)
				return err == nil && r.Status == status
			}}
	}
	return Scenario{
		ID: "stolen-cookie", Title: "A stolen cookie",
		Setup: "Somebody has copied Ada's session cookie of Notes to another machine.",
		Watch: "What Notes answers to the copy: while Ada is signed in, and after she has logged out.",
		Teaches: "Whoever has the cookie has the session, as long as it lives. It lives on the server: a log-out " +
			"ends every copy at once. A cookie that holds the tokens itself would go on.",
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Notes. Her cookie is copied.",
					Run: steps(signIn(ada, system.Notes), func(_ context.Context, st *Stage) (err error) {
						session, err = sessionOf(st, ada, system.Notes)
						return err
					}), Checks: []Check{live(ada, system.Notes)}},
				{Text: "Half a minute later the copy is used: Notes cannot tell it from Ada.",
					Run: wait(30 * time.Second), Checks: []Check{thief(http.StatusOK)}},
				{Text: "Ada logs out.", Run: do(ada, system.Notes, system.DoLogout),
					Checks: []Check{ended(ada, system.Notes, reason.UserLogout), idpEnded(ada)}},
				{Text: "The copy is used again.", Checks: []Check{thief(http.StatusUnauthorized)}},
			}
		},
	}
}
