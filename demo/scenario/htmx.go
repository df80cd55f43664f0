package scenario

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/rp/reason"
)

// swap lets a board, which htmx fills, ask Notes: by itself, or because of a click.
func swap(user string, poll bool) func(context.Context, *Stage) error {
	return func(ctx context.Context, st *Stage) error {
		_, err := st.Browser(user).Swap(ctx, st.URL(system.Notes)+"/board", poll)
		return err
	}
}

// sends checks what the board is answered after the end, and whether htmx would leave the page
// for the log-in.
func sends(user string, poll bool, text string) Check {
	return Check{text, func(ctx context.Context, st *Stage) bool {
		r, err := st.Browser(user).Swap(ctx, st.URL(system.Notes)+"/board", poll)
		if err != nil || r.Status != http.StatusUnauthorized {
			return false
		}
		to := r.Header.Get("HX-Redirect")
		e := system.Event{Kind: system.Refused, From: system.Notes, To: system.Person, Subject: user, Clause: "C2",
			Title: "The click is answered with 401 and HX-Redirect", Text: "htmx goes to the log-in, and afterwards " +
				"the person is back on the page."}
		if poll {
			e.Title, e.Text, e.Clause = "The poll is answered with 401, and no address",
				"Nobody has asked, so the page stays as it is. Its cover says why the session is over.", "C7"
		}
		st.Note(e)
		return (to == "") == poll && (poll || strings.Contains(to, "/auth/login"))
	}}
}

func htmxBoard() Scenario {
	return Scenario{
		ID: "htmx", Title: "An htmx dashboard",
		Setup: "Ada and Grace each have a dashboard: htmx asks Notes for news every 10 s. Ada's says that it is a " +
			"poll (hx-headers: Tandem-Activity: passive), Grace's does not.",
		Watch: "Ada's polls are grey. After the end: what a poll is answered, and what a click is.",
		Teaches: "One attribute tells a poll from a click. A poll keeps nobody signed in and sends nobody away; a " +
			"click does both (C7).",
		Steps: func() []Step {
			return []Step{
				{Text: "Ada and Grace sign in to Notes.",
					Run:    steps(signIn(ada, system.Notes), signIn(grace, system.Notes)),
					Checks: []Check{live(ada, system.Notes), live(grace, system.Notes)}},
				{Text: "For three minutes Ada clicks on her dashboard every 30 s. It polls, too.",
					Run: during(3*time.Minute, 30*time.Second, swap(ada, true), swap(ada, false),
						swap(grace, false)),
					Checks: []Check{live(ada, system.Notes), idpLives(ada)}},
				{Text: "Both leave. For four minutes the dashboards poll.",
					Run: during(4*time.Minute, 10*time.Second, swap(ada, true), swap(grace, false)),
					Checks: []Check{idpEnded(ada), ended(ada, system.Notes, reason.BackchannelLogout), idpLives(grace),
						live(grace, system.Notes)}},
				{Text: "Ada's dashboard polls on: it is told that the session is over, and stays where it is.",
					Checks: []Check{sends(ada, true, "The poll is answered with 401, without an address to go to")}},
				{Text: "She comes back and clicks on it: htmx takes her to the log-in, and back.",
					Checks: []Check{sends(ada, false, "The click is answered with 401 and HX-Redirect")}},
				{Text: "She signs in.", Run: signIn(ada, system.Notes),
					Checks: []Check{live(ada, system.Notes),
						{fmt.Sprintf("The dashboard is filled again: %d %s", http.StatusOK,
							http.StatusText(http.StatusOK)), func(ctx context.Context, st *Stage) bool {
							r, err := st.Browser(ada).Swap(ctx, st.URL(system.Notes)+"/board", false)
							return err == nil && r.Status == http.StatusOK && strings.Contains(r.Body, `id="notes"`)
						}}}},
			}
		},
	}
}
