package scenario

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp/reason"
)

// windows are the stories about whose clock counts.
func windows() []Scenario {
	return []Scenario{tokenOutlives(), polling(), htmxBoard(), atTheIdP(), apiOnly(), mostRestrictive(), exempt(),
		longForm()}
}

func tokenOutlives() Scenario {
	return Scenario{
		ID: "token-outlives", Title: "An access token that outlives the window",
		Setup: "The window is 2 minutes, the access token lives 10. Ada uses Notes, Grace uses Homemade, which " +
			"refreshes when the token nears its end. Both click every 30 s.",
		Watch: "Grace's session at the IdP: nobody tells it that she is there.",
		Teaches: "To refresh only when the token runs out logs active people out. Activity has to be reported on " +
			"its own clock (C1).",
		Settings: system.Settings{TokenLife: 10 * time.Minute},
		Steps: func() []Step {
			both := []func(context.Context, *Stage) error{do(ada, system.Notes, system.DoActive),
				do(grace, system.Naive, "")}
			return []Step{
				{Text: "Ada signs in to Notes, Grace to Homemade.",
					Run:    steps(signIn(ada, system.Notes), signIn(grace, system.Naive)),
					Checks: []Check{live(ada, system.Notes), idpLives(ada), idpLives(grace)}},
				{Text: "Both are active for three minutes.", Run: during(3*time.Minute, 30*time.Second, both...),
					Checks: []Check{live(ada, system.Notes), idpLives(ada), idpEnded(grace),
						answers(grace, system.Naive, "", 200)}},
				{Text: "Homemade goes on as if nothing had happened, until its token nears its end.",
					Run:    during(7*time.Minute, 30*time.Second, both...),
					Checks: []Check{live(ada, system.Notes), idpLives(ada), answers(grace, system.Naive, "", 401)}},
			}
		},
	}
}

func polling() Scenario {
	return Scenario{
		ID: "polling", Title: "A dashboard nobody watches",
		Setup: "Ada leaves a tab of Notes open, Grace one of Homemade. Both pages poll every 10 s; both people " +
			"have left.",
		Watch:   "Polls are grey: they are served, but tell the IdP nothing.",
		Teaches: "What a page does by itself must not keep anybody signed in (C7).",
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Notes, Grace to Homemade.",
					Run:    steps(signIn(ada, system.Notes), signIn(grace, system.Naive)),
					Checks: []Check{live(ada, system.Notes), idpLives(grace)}},
				{Text: "Both leave. The pages poll for four minutes.",
					Run: during(4*time.Minute, 10*time.Second, do(ada, system.Notes, system.DoPassive),
						do(grace, system.Naive, "")),
					Checks: []Check{idpEnded(ada), ended(ada, system.Notes, reason.BackchannelLogout), idpLives(grace),
						answers(grace, system.Naive, "", 200)}},
			}
		},
	}
}

func atTheIdP() Scenario {
	return Scenario{
		ID: "at-the-idp", Title: "Active at the IdP only",
		Setup: "Ada is signed in to Notes and Reports, and for minutes uses only programs that have no session of " +
			"ours: each sends her to the IdP, which lets her through.",
		Watch: "Notes and Reports hear nothing of it. Their rings run out: “asks the IdP first”.",
		Teaches: "A quiet app must ask before it gives a session up: its own clock knows only its own person's " +
			"clicks (C3).",
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Notes and Reports.", Run: signIn(ada, system.Notes, system.Reports),
					Checks: []Check{live(ada, system.Notes, system.Reports)}},
				{Text: "For five minutes she opens one program after the other by way of the IdP.",
					Run:    during(5*time.Minute, time.Minute, visitIdP(ada)),
					Checks: []Check{idpLives(ada), live(ada, system.Notes, system.Reports)}},
				{Text: "She comes back to Notes and Reports: both ask, and are told that she is there.",
					Checks: []Check{answers(ada, system.Notes, system.DoActive, 200),
						answers(ada, system.Reports, system.DoCallAPI, 200)}},
			}
		},
	}
}

// visitIdP sends the browser to the IdP and no further: the session there
// slides.
func visitIdP(user string) func(context.Context, *Stage) error {
	return func(ctx context.Context, st *Stage) error {
		_, err := st.Browser(user).Callback(ctx, st.Naive.URL()+"/login", st.Naive.URL()+"/callback")
		return err
	}
}

func apiOnly() Scenario {
	var token string
	return Scenario{
		ID: "api-only", Title: "Active by the API only",
		Setup:   "Ada's page talks to the API directly, with Reports' reference token; Reports itself sees no request.",
		Watch:   "The API's questions to the IdP: they are the activity.",
		Teaches: "An API that introspects takes part in single sign-on, whoever calls it.",
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Reports and Wiki.", Run: steps(signIn(ada, system.Reports, system.Wiki),
					func(ctx context.Context, st *Stage) (err error) {
						token, err = tokenOf(ctx, st, ada, system.Reports)
						return err
					}), Checks: []Check{live(ada, system.Reports, system.Wiki)}},
				{Text: "For five minutes only the API is called.",
					Run: during(5*time.Minute, 30*time.Second, func(ctx context.Context, st *Stage) error {
						_, err := callAPI(ctx, st, "/whoami", token)
						return err
					}), Checks: []Check{idpLives(ada), live(ada, system.Reports, system.Wiki)}},
				{Text: "She returns to Reports.", Checks: []Check{answers(ada, system.Reports, system.DoActive, 200)}},
			}
		},
	}
}

// tokenOf gets hold of a person's access token in an app.
func tokenOf(ctx context.Context, st *Stage, user, app string) (string, error) {
	session, err := sessionOf(st, user, app)
	if err != nil {
		return "", err
	}
	return st.App(app).AccessTokenOf(ctx, session)
}

// callAPI calls the API as a script does.
func callAPI(ctx context.Context, st *Stage, path, token string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, st.API.URL()+path, nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := st.HTTP().Do(req)
	if err != nil {
		return 0, err
	}
	e := system.Event{Kind: system.Asked, From: system.Person, To: system.API,
		Title: fmt.Sprintf("%s answers a script with %d %s", path, resp.StatusCode, http.StatusText(resp.StatusCode)),
		Text:  "The script holds an access token and no session."}
	if resp.StatusCode == http.StatusUnauthorized {
		e.Kind, e.From, e.To = system.Refused, system.API, system.Person
	}
	st.Note(e)
	return resp.StatusCode, resp.Body.Close()
}

func mostRestrictive() Scenario {
	return Scenario{
		ID: "most-restrictive", Title: "The most restrictive app decides",
		Setup: "The IdP's policy: the window is the least of the apps that were opened since sign-in. Reports " +
			"demands 40 s, the others 2 minutes.",
		Watch:   "The IdP's ring when Reports is opened.",
		Teaches: "Windows belong to the IdP. An app follows them without knowing the policy: it asks.",
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Notes.", Run: steps(func(_ context.Context, st *Stage) error {
					return st.IDP.Update(func(c *idpmock.Config) {
						c.Policies.MostRestrictive = true
						for i := range c.Clients {
							if c.Clients[i].ID == system.Reports {
								c.Clients[i].IdleWindow = 40 * time.Second
							}
						}
					})
				}, signIn(ada, system.Notes)), Checks: []Check{window(ada, 2*time.Minute)}},
				{Text: "A minute later she is still signed in, and opens Reports.",
					Run:    steps(wait(time.Minute), signIn(ada, system.Reports)),
					Checks: []Check{window(ada, 40*time.Second)}},
				{Text: "Now a pause of 45 s is too long, in Notes as well.", Run: wait(45 * time.Second),
					Checks: []Check{idpEnded(ada), ended(ada, system.Notes, reason.BackchannelLogout),
						ended(ada, system.Reports, reason.BackchannelLogout)}},
			}
		},
	}
}

func window(user string, d time.Duration) Check {
	return Check{fmt.Sprintf("The IdP gives %s %v from the last activity on", person2(user), d),
		func(_ context.Context, st *Stage) bool {
			s, ok := st.idpSession(user)
			return ok && s.IdleDeadline.Sub(s.LastActive) == d
		}}
}

func exempt() Scenario {
	return Scenario{
		ID: "exempt", Title: "An exempt app",
		Setup: "Notes is exempt from the window: a till that must not log out its cashier. Its tokens are good for " +
			"itself only and never extend the session.",
		Watch:   "Notes' refreshes after the end: they are answered, and extend nothing.",
		Teaches: "The exception is made at the IdP, for one app, and does not keep the others alive.",
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Notes and Wiki.", Run: steps(func(_ context.Context, st *Stage) error {
					return st.IDP.Update(func(c *idpmock.Config) {
						for i := range c.Clients {
							if c.Clients[i].ID == system.Notes {
								c.Clients[i].Exempt, c.Clients[i].BackchannelLogoutURI = true, ""
							}
						}
					})
				}, signIn(ada, system.Notes, system.Wiki)), Checks: []Check{live(ada, system.Notes, system.Wiki)}},
				{Text: "Five minutes she uses Notes only.",
					Run: during(5*time.Minute, 20*time.Second, do(ada, system.Notes, system.DoActive)),
					Checks: []Check{idpEnded(ada), ended(ada, system.Wiki, reason.BackchannelLogout),
						live(ada, system.Notes), answers(ada, system.Notes, system.DoActive, 200)}},
			}
		},
	}
}

func longForm() Scenario {
	return Scenario{
		ID: "long-form", Title: "A long form",
		Setup: "Ada writes a long text in Notes. For minutes the page sends nothing but, at most every 20 s, “she " +
			"is typing”.",
		Watch: "The activity that typing makes, and what happens when she is gone before she saves.",
		Teaches: "Typing is activity, though no request follows from it by itself; and an answer to a script is 401 " +
			"with a reason, never a redirect that loses the text.",
		Settings: system.Settings{},
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Notes.", Run: signIn(ada, system.Notes),
					Checks: []Check{live(ada, system.Notes)}},
				{Text: "She types for five minutes.", Run: during(5*time.Minute, 20*time.Second, typing(ada)),
					Checks: []Check{live(ada, system.Notes), idpLives(ada)}},
				{Text: "She saves: it works.", Checks: []Check{saves(ada, 201)}},
				{Text: "She begins another note, and is called away for three minutes. Then she saves.",
					Run:    wait(3 * time.Minute),
					Checks: []Check{saves(ada, 401), ended(ada, system.Notes, reason.BackchannelLogout)}},
				{Text: "The page still has her text. She logs in again in another tab, and saves.",
					Run: signIn(ada, system.Notes), Checks: []Check{saves(ada, 201)}},
			}
		},
	}
}

func typing(user string) func(context.Context, *Stage) error {
	return func(ctx context.Context, st *Stage) error {
		r, err := st.Browser(user).Post(ctx, st.App(system.Notes).URL()+"/auth/activity", nil)
		if err == nil {
			st.Note(system.Event{Kind: system.Active, From: system.Person, To: system.Notes, Subject: user,
				Clause: "C1", Title: "Typing in Notes",
				Text: fmt.Sprintf("POST /auth/activity, which the page sends of itself while keys are pressed: "+
					"answered %d %s.", r.Status, http.StatusText(r.Status))})
		}
		return err
	}
}

func saves(user string, status int) Check {
	return Check{fmt.Sprintf("Saving is answered with %d %s", status, http.StatusText(status)),
		func(ctx context.Context, st *Stage) bool {
			r, err := st.Browser(user).Post(ctx, st.App(system.Notes).URL()+"/notes",
				url.Values{"text": {"a long text"}})
			if err == nil && r.Status == status {
				kind := system.Active
				if status == http.StatusUnauthorized {
					kind = system.Refused
				}
				st.Note(system.Event{Kind: kind, From: system.Notes, To: system.Person, Subject: user,
					Title: fmt.Sprintf("Saving is answered with %d %s", status, http.StatusText(status)),
					Text:  "The page sends the text as a script does, and keeps it until it is saved."})
			}
			return err == nil && r.Status == status
		}}
}
