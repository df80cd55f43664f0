package planner_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/planner"
	"github.com/tandem-sso/tandem/demo/system"
)

func theatre(t *testing.T) *planner.Theatre {
	t.Helper()
	th := planner.NewTheatre(slog.New(slog.DiscardHandler))
	t.Cleanup(th.Close)
	return th
}

func side(idp, kind string, window, token time.Duration) planner.Policy {
	return planner.Policy{IdP: idp, Kind: kind, Window: window, TokenLife: token}
}

func lane(t *testing.T, w planner.World, id string) planner.Lane {
	t.Helper()
	for _, l := range w.Lanes {
		if l.ID == id {
			return l
		}
	}
	t.Fatalf("no lane %q", id)
	return planner.Lane{}
}

// What is computed is what is played, within δ: every story, at every temperament that the page
// offers first, with short and long windows, and tokens that outlive the window.
func TestThePlayIsAsPlanned(t *testing.T) {
	const short, usual, long = 2 * time.Minute, 30 * time.Minute, 4 * time.Hour
	token := map[time.Duration]time.Duration{short: time.Minute, usual: time.Hour, long: 10 * time.Minute}
	for _, row := range []struct {
		story, kind string
		windows     []time.Duration
	}{
		{"works", "refresh-token", []time.Duration{short, usual, long}},
		{"works", "reference-token", []time.Duration{usual}},
		{"works", "no-token", []time.Duration{usual}},
		{"polls", "refresh-token", []time.Duration{long}},
		{"elsewhere", "refresh-token", []time.Duration{usual}},
	} {
		for _, idps := range [][2]string{{"keycloak", "auth0"}, {"entra", "duende"}} {
			for _, w := range row.windows {
				t.Run(fmt.Sprint(row.story, " ", row.kind, " ", idps, " ", w), func(t *testing.T) {
					t.Parallel()
					q := planner.Question{Story: row.story, Work: 5 * w / 2, Away: 3 * w / 2,
						Sides: [2]planner.Policy{side(idps[0], row.kind, w, token[w]),
							side(idps[1], row.kind, w, token[w])}}
					a, err := theatre(t).Play(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					for i, world := range a.Sides {
						if len(world.Lanes) != 5 {
							t.Fatalf("%d lanes", len(world.Lanes))
						}
						for _, l := range world.Lanes {
							if l.Differs != "" || len(l.Sessions) == 0 || l.Plan.Text == "" {
								t.Errorf("%s, %s: %s %+v", idps[i], l.Name, l.Differs, l)
							}
						}
					}
				})
			}
		}
	}
}

// The settings that a policy has beside its window: what they do is computed as it comes about.
func TestEachSettingIsAsPlanned(t *testing.T) {
	const w = 30 * time.Minute
	with := func(idp, kind string, change func(*planner.Policy)) planner.Policy {
		p := side(idp, kind, w, 5*time.Minute)
		change(&p)
		return p
	}
	for name, sides := range map[string][2]planner.Policy{
		"limits": {with("duende", "refresh-token", func(p *planner.Policy) { p.Idle = 10 * time.Minute }),
			with("duende", "refresh-token", func(p *planner.Policy) { p.Absolute = 40 * time.Minute })},
		"silent": {with("auth0", "no-token", func(p *planner.Policy) { p.SilentCheck = true }),
			with("entra", "refresh-token", func(p *planner.Policy) { p.SilentCheck = true })},
		"trailing": {with("keycloak", "refresh-token", func(p *planner.Policy) { p.Trailing = true }),
			with("duende", "reference-token", func(p *planner.Policy) { p.Trailing = true })},
		"trailing has no part in prompt=none": {with("auth0", "no-token", func(p *planner.Policy) {
			p.Trailing, p.SilentCheck, p.TrustFor = true, true, 20*time.Minute
		}), with("keycloak", "refresh-token", func(p *planner.Policy) {
			p.Trailing, p.SignalEvery = true, 20*time.Minute
		})},
		"reports": {with("keycloak", "refresh-token", func(p *planner.Policy) { p.SignalEvery = time.Minute }),
			with("keycloak", "refresh-token", func(p *planner.Policy) { p.SignalEvery = 20 * time.Minute })},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := theatre(t).Play(t.Context(), planner.Question{Story: "works", Work: time.Hour, Away: time.Hour,
				Sides: sides})
			if err != nil {
				t.Fatal(err)
			}
			for i, world := range a.Sides {
				for _, l := range world.Lanes {
					if l.Differs != "" {
						t.Errorf("side %d, %s: %s %+v", i+1, l.Name, l.Differs, l)
					}
				}
			}
		})
	}
}

// The last click is reported although nobody clicks any more: then the window counts from it,
// and that setting is what makes the difference.
func TestTheLastActivityIsReported(t *testing.T) {
	const w, work = 30 * time.Minute, time.Hour
	rarely := side("duende", "refresh-token", w, time.Minute)
	rarely.SignalEvery, rarely.TrustFor = 20*time.Minute, w // not asked for another reason
	trailing := rarely
	trailing.Trailing = true
	a, err := theatre(t).Play(t.Context(), planner.Question{Story: "works", Work: work, Away: time.Hour,
		Sides: [2]planner.Policy{rarely, trailing}})
	if err != nil {
		t.Fatal(err)
	}
	without, with := lane(t, a.Sides[0], system.IdP).Sessions[0], lane(t, a.Sides[1], system.IdP).Sessions[0]
	if without.To >= work+w || with.To < work+w || with.To > work+w+rarely.SignalEvery {
		t.Errorf("the session at the IdP ends after %v; with the setting after %v", without.To, with.To)
	}
	if len(a.Differences) == 0 {
		t.Fatal("there is no difference")
	}
	for _, d := range a.Differences {
		if strings.Join(d.Made, "") != "“Report the last activity, too” (no, yes)" {
			t.Errorf("%+v", d)
		}
	}
}

// The same story at two IdPs: who is told when, who is logged out when and why, what the person
// meets, and that the IdP is what makes the difference.
func TestTwoIdPs(t *testing.T) {
	const w = 30 * time.Minute
	a, err := theatre(t).Play(t.Context(), planner.Question{Story: "works", Work: time.Hour, Away: time.Hour,
		Sides: [2]planner.Policy{side("duende", "refresh-token", w, time.Minute),
			side("auth0", "refresh-token", w, time.Minute)}})
	if err != nil {
		t.Fatal(err)
	}
	if a.Work != time.Hour || a.Back != 2*time.Hour || !strings.Contains(a.Story, "leaves after 1 h") ||
		!strings.Contains(a.Story, "comes back after 1 h") {
		t.Errorf("%+v", a)
	}
	idp, notes := lane(t, a.Sides[0], system.IdP), lane(t, a.Sides[0], system.Notes)
	end := idp.Sessions[0]
	if end.To < 85*time.Minute || end.To > 90*time.Minute || end.Why != "idle" {
		t.Errorf("duende's session: %+v", end)
	}
	if n := notes.Sessions[0]; !n.Ended || n.To != end.To || n.Why != "backchannel_logout" || len(notes.Told) != 1 ||
		notes.Told[0] != end.To {
		t.Errorf("Notes at duende: %+v", notes)
	}
	if len(notes.Active) != 2 || notes.Active[0].To != time.Hour || notes.Back != "asked for her name again" {
		t.Errorf("Ada in Notes at duende: %+v", notes)
	}
	if got := lane(t, a.Sides[0], system.Wiki).Back; got != "let through by the IdP, without typing" {
		t.Errorf("Wiki at duende: %q", got)
	}
	idp, notes = lane(t, a.Sides[1], system.IdP), lane(t, a.Sides[1], system.Notes)
	if end := idp.Sessions[0]; end.To != w || len(notes.Told) != 0 || notes.Sessions[0].Ended ||
		notes.Back != "still signed in" {
		t.Errorf("auth0: %+v, %+v", idp, notes)
	}
	said := map[string]planner.Difference{}
	for _, d := range a.Differences {
		said[d.Lane] = d
	}
	for id, want := range map[string]string{system.IdP: "in the first world, and ended after 30 min in the second",
		system.Notes: "and lived on in the second"} {
		d := said[id]
		if !strings.Contains(d.Text, want) || strings.Join(d.Made, "") != "“IdP” (duende, auth0)" ||
			d.Because[1] == "" {
			t.Errorf("%s: %+v, want %q", id, d, want)
		}
	}
}

// Two windows and two token lives: the sentence names the setting that makes the difference,
// and no other.
func TestWhatMadeIt(t *testing.T) {
	first, second := side("duende", "refresh-token", 10*time.Minute, time.Hour),
		side("duende", "refresh-token", 20*time.Minute, time.Minute)
	a, err := theatre(t).Play(t.Context(), planner.Question{Story: "works", Work: 70 * time.Minute,
		Away: 40 * time.Minute, Sides: [2]planner.Policy{first, second}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{system.IdP: "“Idle window of the IdP” (10 min, 20 min)",
		system.Notes: "“Idle window of the IdP” (10 min, 20 min)", system.Naive: "“Life of access tokens” (1 h, 1 min)"}
	for _, d := range a.Differences {
		if made := strings.Join(d.Made, " "); want[d.Lane] != "" && made != want[d.Lane] {
			t.Errorf("%s %q, want %q", d.Text, made, want[d.Lane])
		}
		delete(want, d.Lane)
	}
	if len(want) > 0 {
		t.Errorf("no difference in %v: %+v", want, a.Differences)
	}
	second = first
	if a, err = theatre(t).Play(t.Context(), planner.Question{Story: "works", Work: time.Minute, Away: time.Minute,
		Sides: [2]planner.Policy{first, second}}); err != nil || len(a.Differences) != 0 {
		t.Errorf("the same twice: %+v, %v", a.Differences, err)
	}
}

// What cannot be played is told at its field; nothing begins.
func TestFieldErrors(t *testing.T) {
	th := theatre(t)
	good := side("duende", "refresh-token", 10*time.Minute, time.Minute)
	ask := func(change func(*planner.Question)) error {
		q := planner.Question{Story: "works", Work: time.Hour, Away: time.Hour, Sides: [2]planner.Policy{good, good}}
		change(&q)
		_, err := th.Play(t.Context(), q)
		return err
	}
	for _, row := range []struct {
		change func(*planner.Question)
		field  string
		side   int
		text   string
	}{
		{func(q *planner.Question) { q.Story = "none" }, "story", 0, `no story "none"`},
		{func(q *planner.Question) { q.Work = 201 * time.Minute }, "work", 0, "use 3 h 20 min at most"},
		{func(q *planner.Question) { q.Work = -1 }, "work", 0, "Ada works for"},
		{func(q *planner.Question) { q.Away = 300 * time.Hour }, "away", 0, "use 3 h 20 min at most"},
		{func(q *planner.Question) { q.Sides[1].IdP = "generic" }, "", 2, "cannot behave like generic"},
		{func(q *planner.Question) { q.Sides[0].Window = 0 }, "", 1, "window is 0 s"},
	} {
		err := ask(row.change)
		var field *planner.FieldError
		if !errors.As(err, &field) || field.Field != row.field || field.Side != row.side ||
			!strings.Contains(field.Text, row.text) {
			t.Errorf("%v, want %q of side %d: %s", err, row.field, row.side, row.text)
		}
	}
}

// Two play at a time, whoever leaves gives the seat back at once, and Close ends what is left.
func TestThePlayIsBounded(t *testing.T) {
	th := theatre(t)
	long := side("duende", "refresh-token", 10*time.Minute, time.Minute)
	q := planner.Question{Story: "works", Work: 190 * time.Minute, Away: 190 * time.Minute,
		Sides: [2]planner.Policy{long, long}}
	play := func() (context.CancelFunc, chan error) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			_, err := th.Play(ctx, q)
			done <- err
		}()
		return cancel, done
	}
	leave, first := play()
	_, second := play()
	for deadline := time.Now().Add(10 * time.Second); th.Busy() < 2; runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("two plays do not begin")
		}
	}
	if _, err := th.Play(t.Context(), q); !errors.Is(err, planner.ErrBusy) {
		t.Fatalf("a third play: %v", err)
	}
	leave()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("who leaves gets %v", err)
	}
	th.Close()
	if err := <-second; !errors.Is(err, context.Canceled) {
		t.Errorf("the play that Close stops gets %v", err)
	}
	if _, err := th.Play(t.Context(), q); !errors.Is(err, planner.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
