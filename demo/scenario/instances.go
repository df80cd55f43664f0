package scenario

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// instances are the stories about several programs on one store.
func instances() []Scenario { return []Scenario{twoInstances(), rollingUpdate(), sharedStore()} }

// startTwin starts a second instance of Notes, which the story closes.
func startTwin(ctx context.Context, st *Stage, change func(*apps.Config)) (*apps.App, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	twin, err := st.App(system.Notes).Twin(ctx, l, change)
	if err == nil {
		st.closers = append(st.closers, twin.Close)
	}
	return twin, err
}

// askTwin asks the second instance: same cookie, another port.
func askTwin(ctx context.Context, st *Stage, twin *apps.App, path string) (int, error) {
	_, port, err := net.SplitHostPort(twin.Addr())
	if err != nil {
		return 0, err
	}
	r, err := st.Browser(ada).Fetch(ctx, "http://notes.localhost:"+port+path)
	return r.Status, err
}

func twoInstances() Scenario {
	var twin *apps.App
	var before int
	at := func(ctx context.Context, st *Stage, path string) (int, error) { return askTwin(ctx, st, twin, path) }
	second := func(status int) Check {
		return Check{fmt.Sprintf("The second instance answers with %d", status),
			func(ctx context.Context, st *Stage) bool {
				got, err := at(ctx, st, "/me")
				if err == nil && got == status {
					kind := system.Asked
					if status == http.StatusUnauthorized {
						kind = system.Refused
					}
					st.Note(system.Event{Kind: kind, From: system.Notes, To: system.Person, Subject: ada, Clause: "C8",
						Title: fmt.Sprintf("The second instance answers with %d %s", status, http.StatusText(status)),
						Text:  "It was never told by the browser: it knows from the store that both share."})
				}
				return err == nil && got == status
			}}
	}
	return Scenario{
		ID: "two-instances", Title: "Two instances of one app",
		Setup:   "Notes runs twice on one store of sessions, as behind a load balancer.",
		Watch:   "One refresh for both, and a log-out at one that the other knows at once.",
		Teaches: "What holds for one process holds for all of them: one refresh, one end, one reason (C4, C5, C8).",
		Steps: func() []Step {
			return []Step{
				{Text: "A second instance of Notes starts. Ada signs in at the first.",
					Run: steps(func(ctx context.Context, st *Stage) (err error) {
						twin, err = startTwin(ctx, st, nil)
						return err
					}, signIn(ada, system.Notes)), Checks: []Check{live(ada, system.Notes), second(200)}},
				{Text: "Her token runs out, and 10 requests at each instance need a new one.",
					Run: steps(wait(time.Minute), func(ctx context.Context, st *Stage) error {
						before = st.IDP.Count(idpmock.EndpointRefresh, system.Notes)
						return crowd(ctx, 2, func() error {
							return errors.Join(
								crowd(ctx, 5, func() error {
									_, err := st.act(ctx, ada, system.Notes, system.DoCallAPI)
									return err
								}),
								crowd(ctx, 5, func() error { _, err := at(ctx, st, "/call-api"); return err }))
						})
					}), Checks: []Check{{"There was one refresh", func(_ context.Context, st *Stage) bool {
						return st.IDP.Count(idpmock.EndpointRefresh, system.Notes) == before+1
					}}, second(200)}},
				{Text: "She logs out at the first.", Run: do(ada, system.Notes, system.DoLogout),
					Checks: []Check{ended(ada, system.Notes, reason.UserLogout), second(401)}},
			}
		},
	}
}

func rollingUpdate() Scenario {
	var (
		twin           *apps.App
		before, fresh  rp.Keys
		clicks, failed int
		signedIn       int
	)
	// click once at each instance that runs, and count what is not served.
	click := func(both bool) func(context.Context, *Stage) error {
		return func(ctx context.Context, st *Stage) error {
			got, err := st.act(ctx, ada, system.Notes, system.DoCallAPI)
			if err == nil && both {
				clicks++
				var second int
				if second, err = askTwin(ctx, st, twin, "/call-api"); second != http.StatusOK {
					failed++
				}
			}
			if clicks++; got != http.StatusOK {
				failed++
			}
			return err
		}
	}
	works := func(both bool) func(context.Context, *Stage) error {
		return during(40*time.Second, 10*time.Second, click(both))
	}
	say := func(text string) func(context.Context, *Stage) error {
		return func(_ context.Context, st *Stage) error {
			st.Note(system.Event{Kind: system.Control, From: system.Notes, Title: text,
				Text: "The load balancer sends nothing to an instance that stops. The sessions are in the store."})
			return nil
		}
	}
	// round replaces one instance after the other; she works all the while.
	round := func(keys func() rp.Keys) func(context.Context, *Stage) error {
		with := func(c *apps.Config) { c.Keys = keys() }
		return steps(say("The second instance stops"), func(context.Context, *Stage) error {
			return twin.Close()
		}, works(false),
			func(ctx context.Context, st *Stage) (err error) { twin, err = startTwin(ctx, st, with); return err },
			say("The second instance is new"), works(true),
			func(ctx context.Context, st *Stage) error { return st.Replace(ctx, system.Notes, with) },
			say("The first instance is new"), works(true))
	}
	unnoticed := []Check{
		{"Every click was answered with 200 OK", func(context.Context, *Stage) bool {
			return clicks > 0 && failed == 0
		}},
		live(ada, system.Notes),
		{"Ada has typed her name once", func(_ context.Context, st *Stage) bool {
			return signIns(st, ada)-signedIn == 1
		}},
	}
	return Scenario{
		ID: "rolling-update", Title: "A rolling update with a new key",
		Setup: "Notes runs twice on one store. It gets a new version, and the key that seals its sessions a " +
			"successor. Each instance is stopped and started anew, twice; Ada works all the while.",
		Watch: "Her clicks: every one is served, by the old instance or the new one. She is never asked to log in.",
		Teaches: "The sessions are in the store, not in the process. A key is rolled in rounds: first everybody can " +
			"read the new one, then it seals.",
		Steps: func() []Step {
			return []Step{
				{Text: "Notes starts twice. Ada signs in, and clicks every 10 s from now on.",
					Run: steps(func(ctx context.Context, st *Stage) (err error) {
						clicks, failed, signedIn = 0, 0, signIns(st, ada)
						before = st.App(system.Notes).Keys()[:1]
						fresh = rp.Keys{rp.NewKey()}
						twin, err = startTwin(ctx, st, nil)
						return err
					}, signIn(ada, system.Notes), works(true)), Checks: unnoticed},
				{Text: "First round: each instance is stopped and started anew. It can read the new key, and seals " +
					"with the old one.",
					Run: round(func() rp.Keys { return rp.Keys{before[0], fresh[0]} }), Checks: unnoticed},
				{Text: "Second round: the new key seals, the old one still opens.",
					Run: round(func() rp.Keys { return rp.Keys{fresh[0], before[0]} }), Checks: unnoticed},
				{Text: "She logs out at the first instance. The second knows.",
					Run: do(ada, system.Notes, system.DoLogout),
					Checks: []Check{ended(ada, system.Notes, reason.UserLogout),
						{"The second instance answers with 401", func(ctx context.Context, st *Stage) bool {
							got, err := askTwin(ctx, st, twin, "/me")
							return err == nil && got == http.StatusUnauthorized
						}}}},
			}
		},
	}
}

// signIns is how often a person has entered who they are, at the IdP.
func signIns(st *Stage, user string) int {
	n := 0
	for _, e := range st.Log.Read(0).Events {
		if e.Kind == system.Login && e.To == system.IdP && e.From == system.Person && e.Subject == user &&
			strings.HasPrefix(e.Title, "Signed in") {
			n++
		}
	}
	return n
}

func sharedStore() Scenario {
	answered := map[string]int{} // the status, by app
	// shows lets a browser show one app the cookie of another.
	shows := func(from, to string) func(context.Context, *Stage) error {
		return func(ctx context.Context, st *Stage) error {
			session, err := sessionOf(st, ada, from)
			if err != nil {
				return err
			}
			cookies, ok := st.App(from).CookieOf(session)
			if !ok {
				return fmt.Errorf("%s has not seen the cookie of its session", system.Name(from))
			}
			b := system.NewBrowser(ada)
			defer b.Close()
			cookies = strings.ReplaceAll(cookies, apps.CookieNameFor(from)+"=", apps.CookieNameFor(to)+"=")
			if err := b.Take(st.URL(to), cookies); err != nil {
				return err
			}
			r, err := st.Act(ctx, b, to, system.DoActive)
			answered[to] = r.Status
			return err
		}
	}
	unknown := func(from, to string) Check {
		return Check{fmt.Sprintf("%s does not know the cookie of %s: 401", system.Name(to), system.Name(from)),
			func(context.Context, *Stage) bool { return answered[to] == http.StatusUnauthorized }}
	}
	return Scenario{
		ID: "shared-store", Title: "Two apps in one store",
		Setup: "Notes and Reports keep their sessions in one store, under the same keys. They are two clients of " +
			"the IdP.",
		Watch: "What each app knows of the other's session, and how a log-out comes from one to the other.",
		Teaches: "A session belongs to one app. Apps that share a store can neither serve nor end each other's " +
			"sessions (C9). A logout reaches both all the same, by way of the IdP.",
		Settings: system.Settings{SharedStore: true},
		Steps: func() []Step {
			return []Step{
				{Text: "Ada signs in to Notes and Reports.", Run: signIn(ada, system.Notes, system.Reports),
					Checks: []Check{live(ada, system.Notes, system.Reports)}},
				{Text: "Each app is shown the other's cookie.",
					Run: steps(shows(system.Notes, system.Reports), shows(system.Reports, system.Notes)),
					Checks: []Check{unknown(system.Notes, system.Reports), unknown(system.Reports, system.Notes),
						live(ada, system.Notes, system.Reports)}},
				{Text: "Support ends all of Ada's sessions in Reports.",
					Run: func(ctx context.Context, st *Stage) error {
						n, err := st.App(system.Reports).RP.EndSessions(ctx,
							rp.Whose{Subject: ada, Detail: "asked by telephone"})
						if err == nil && n != 1 {
							err = fmt.Errorf("%d sessions were ended, not 1", n)
						}
						return err
					}, Checks: []Check{ended(ada, system.Reports, reason.Admin), live(ada, system.Notes),
						idpLives(ada)}},
				{Text: "Half a minute later she opens Reports again, and then logs out of Notes.",
					Run: steps(wait(30*time.Second), signIn(ada, system.Reports),
						do(ada, system.Notes, system.DoLogout)),
					Checks: []Check{ended(ada, system.Notes, reason.UserLogout), idpEnded(ada),
						ended(ada, system.Reports, reason.BackchannelLogout)}},
			}
		},
	}
}
