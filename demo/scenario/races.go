package scenario

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// races are the stories about what happens at the same time.
func races() []Scenario { return []Scenario{refreshRace(), overtaking()} }

func refreshRace() Scenario {
	var before, naively int
	return Scenario{
		ID: "refresh-race", Title: "Twenty requests, one refresh token",
		Setup: "A page makes 20 requests at the moment when the access token has run out. The IdP rotates refresh " +
			"tokens, and takes one that comes twice for stolen.",
		Watch: "The number of refreshes: one by Notes, many by Homemade.",
		Teaches: "Concurrent refreshes log people out. One call is in flight per session, and all requests share its " +
			"answer (C4).",
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Notes, Grace to Homemade.",
					Run:    steps(signIn(ada, system.Notes), signIn(grace, system.Naive)),
					Checks: []Check{live(ada, system.Notes)}},
				{Text: "A minute later both tokens have run out, and both pages make 20 requests at once.",
					Run: steps(wait(time.Minute), func(ctx context.Context, st *Stage) error {
						before, naively = st.IDP.Count(idpmock.EndpointRefresh, system.Notes),
							st.IDP.Count(idpmock.EndpointRefresh, system.Naive)
						return errors.Join(
							crowd(ctx, 20, func() error {
								_, err := st.act(ctx, ada, system.Notes, system.DoCallAPI)
								return err
							}),
							crowd(ctx, 20, func() error { _, err := st.act(ctx, grace, system.Naive, ""); return err }))
					}), Checks: []Check{
						{"Notes refreshed once", func(_ context.Context, st *Stage) bool {
							return st.IDP.Count(idpmock.EndpointRefresh, system.Notes) == before+1
						}},
						{"Homemade refreshed more than once", func(_ context.Context, st *Stage) bool {
							return st.IDP.Count(idpmock.EndpointRefresh, system.Naive) > naively+1
						}},
						live(ada, system.Notes)}},
				{Text: "Another minute later Homemade wants to refresh again; its tokens have been revoked.",
					Run: wait(time.Minute),
					Checks: []Check{answers(ada, system.Notes, system.DoCallAPI, 200),
						answers(grace, system.Naive, "", 401)}},
			}
		},
	}
}

// crowd runs f n times at once.
func crowd(ctx context.Context, n int, f func() error) error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f() })
	}
	all.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

func overtaking() Scenario {
	var callback string
	return Scenario{
		ID: "overtaking", Title: "A logout that overtakes a log-in",
		Setup: "Ada's log-in to Notes hangs in the air: the IdP has let her through, the browser has not come back " +
			"yet. At this moment her session is ended.",
		Watch:   "The logout token arrives at Notes before there is a session that it could end.",
		Teaches: "Nothing comes back: the end is remembered, and the log-in that arrives late is refused (C5).",
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in at the IdP; the way back to Notes is slow.",
					Run: func(ctx context.Context, st *Stage) (err error) {
						notes := st.App(system.Notes)
						callback, err = st.Browser(ada).Callback(ctx, notes.URL()+"/auth/login",
							notes.URL()+"/auth/callback")
						return err
					}, Checks: []Check{idpLives(ada)}},
				{Text: "Her session is ended at the IdP. Notes takes the logout token.", Run: endAtIdP(ada),
					Checks: []Check{idpEnded(ada), logged("Notes has the logout token", func(st *Stage) bool {
						return len(st.IDP.Outbox()) == 0
					})}},
				{Text: "Only now the browser arrives at Notes with its code.",
					Run: func(ctx context.Context, st *Stage) error {
						r, err := st.Browser(ada).Open(ctx, callback)
						if err == nil && r.Status < 400 {
							return fmt.Errorf("the late log-in was answered with %d", r.Status)
						}
						if err == nil {
							st.Note(system.Event{Kind: system.Refused, From: system.Notes, To: system.Person,
								Subject: ada, Clause: "C5", Title: fmt.Sprintf("The late log-in is refused: %d %s",
									r.Status, http.StatusText(r.Status)),
								Text: "The end of this IdP session is remembered, so nothing begins that belongs " +
									"to it."})
						}
						return err
					}, Checks: []Check{{"There is no session", func(ctx context.Context, st *Stage) bool {
						return st.status(ctx, ada, system.Notes).State == "anonymous"
					}},
						answers(ada, system.Notes, system.DoActive, 401)}},
			}
		},
	}
}

func logged(text string, ok func(*Stage) bool) Check {
	return Check{text, func(_ context.Context, st *Stage) bool { return ok(st) }}
}
