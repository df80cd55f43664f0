package interop

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/program"
	"github.com/tandem-sso/tandem/demo/trial"
	"github.com/tandem-sso/tandem/e2e/driver/foreign"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/idps"
)

// own is "Try your own IdP" of the control room, as one kind of client.
type own struct {
	*app
	scopes string
	trial  *trial.Trial
}

func newOwn(t *testing.T, a *app, scope string) *own {
	t.Helper()
	_, addr, _ := strings.Cut(a.base, "//localhost")
	tried, err := trial.New("127.0.0.1"+addr, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tried.Close(); err != nil {
			t.Error(err)
		}
	})
	return &own{a, strings.TrimPrefix(scope, "openid "), tried}
}

// openOwn opens the page's app, and logs in where it must.
func (w *world) openOwn(o *own) {
	w.t.Helper()
	if page := w.through(o.app, w.Open(o.base+"/private")); page.Status != http.StatusOK ||
		page.URL.Path != "/private" {
		w.t.Fatalf("%s: after the log-in: %s", o.id, page)
	}
}

// tryIt does what the page tells a person to do, and returns what it has concluded, by id.
func (w *world) tryIt(o *own) map[string]trial.Answer {
	w.t.Helper()
	if err := o.trial.Begin(w.t.Context(), trial.Order{Issuer: w.idp.Issuer, ClientID: o.id,
		ClientSecret: foreign.Client{ID: o.id}.Secret(),
		Kind:         o.kind.String(), Window: window, Scopes: o.scopes}); err != nil {
		w.t.Fatal(err)
	}
	// Be active in the app for longer than the window, then ask by prompt=none.
	w.openOwn(o)
	begun := time.Now()
	for n := time.Duration(1); n <= 4; n++ {
		after(begun, n*window/3)
		w.Open(o.base + "/private")
	}
	after(time.Now(), time.Second) // a signal may run beside the request: its answer would be newer than the question
	w.Open(o.base + trial.AskPath)
	// Leave everything alone for longer than the window, open the app, then ask.
	w.openOwn(o)
	after(time.Now(), late)
	w.Open(o.base + "/private")
	after(time.Now(), time.Second)
	w.Open(o.base + trial.AskPath)
	// Log out at the IdP.
	w.openOwn(o)
	w.leaveThere()
	after(time.Now(), 10*time.Second)
	said := map[string]trial.Answer{}
	for _, a := range o.trial.State().Running.Answers {
		said[a.ID] = a
	}
	return said
}

// tried is what the i-th run of the page has concluded of what its kind of client can see.
func tried(i int) func(*testing.T, *world) string {
	return func(_ *testing.T, w *world) string {
		w.own[i].said = w.tryIt(w.own[i].own)
		var all []string
		for _, id := range w.own[i].asked {
			all = append(all, id+" "+w.own[i].said[id].Answer)
		}
		return strings.Join(all, ", ")
	}
}

// agrees holds what the room has concluded against what the bare client has seen.
func agrees(t *testing.T, w *world) string {
	f := w.facts
	want := map[string]bool{"refresh": f.refreshExtends, "userinfo": f.userinfoExtends, "refused": f.refreshRefused,
		"expiry": f.tokenAtExpiry, "logout": f.tokenAtLogOut, "sid": f.sid, "rotation": f.rotates}
	for _, o := range w.own {
		for _, id := range o.asked {
			got := o.said[id]
			if got.Answer != yes(want[id]) && (id != "logout" || want[id] || got.Answer != "unseen") {
				t.Errorf("%s: the control room says %q to %q (%s), measured: %s; it has seen\n%s", o.id, got.Answer, id,
					got.Text, yes(want[id]),
					lines(o.trial.State()))
			}
		}
	}
	return "what was measured"
}

func lines(s trial.State) string {
	var b strings.Builder
	if s.Running != nil {
		for _, l := range s.Running.Lines {
			fmt.Fprintf(&b, "%s %s\n", l.At.Format("15:04:05.000"), l.Text)
		}
	}
	return b.String()
}

// The guide's program is configured by what the IdP does. A call that is said to prove or to
// extend does; what is not said is not used.
func guideAgrees(t *testing.T, w *world) string {
	var can idps.Capabilities
	w.json(w.apps[0].base+"/can", &can)
	f := w.facts
	if can.Extends.Refresh != f.refreshExtends || can.Extends.Userinfo != f.userinfoExtends {
		t.Errorf("the guide's program says that it extends: %+v; measured: refresh %v, userinfo %v", can.Extends,
			f.refreshExtends, f.userinfoExtends)
	}
	if can.Proves.Refresh && !f.refreshRefused || can.Proves.Userinfo && !f.userinfoRefused {
		t.Errorf("the guide's program says that it proves: %+v; refused after the end: refresh %v, userinfo %v",
			can.Proves, f.refreshRefused, f.userinfoRefused)
	}
	if can.LogoutOnExpiry != f.tokenAtExpiry {
		t.Errorf("the guide's program says of logout tokens at expiry: %v, measured: %v", can.LogoutOnExpiry,
			f.tokenAtExpiry)
	}
	return "what was measured"
}

var (
	command = regexp.MustCompile(`(?m)^go run \./demo ((?:.*\\\n)*.*)$`)
	serious = regexp.MustCompile(`(?m)^! ([^:]+):`)
)

// diagnosed runs the command of the guide's section 6, at this IdP as this client. What it says
// of calls must have been measured, and nothing serious may be left.
func diagnosed(t *testing.T, w *world) string {
	text, err := os.ReadFile("../../docs/idp/" + w.guide + ".md")
	if err != nil {
		t.Fatal(err)
	}
	found := command.FindSubmatch(text)
	if found == nil {
		t.Fatalf("docs/idp/%s.md has no command", w.guide)
	}
	a := w.apps[0]
	args := strings.Fields(strings.ReplaceAll(strings.ReplaceAll(string(found[1]), "\\\n", " "), `"`, ""))
	args = scopesOf(args)
	for flag, value := range map[string]string{"-issuer": w.idp.Issuer, "-client-id": a.id, "-base-url": a.base,
		"-idp-window": window.String()} {
		if i := slices.Index(args, flag); i >= 0 {
			args[i+1] = value
		}
	}
	var out bytes.Buffer
	env := func(name string) string {
		return map[string]string{"TANDEM_CLIENT_SECRET": foreign.Client{ID: a.id}.Secret()}[name]
	}
	if err := program.Run(t.Context(), args, env, &out, io.Discard); err != nil {
		t.Fatalf("%v: %v", args, err)
	}
	said := out.String()
	for what, is := range map[string]bool{"a refresh": w.facts.refreshExtends, "userinfo": w.facts.userinfoExtends} {
		want := map[bool]string{true: what + " extends", false: what + " does not extend"}[is]
		if !strings.Contains(said, want) {
			t.Errorf("%q is not in what -diagnose says:\n%s", want, said)
		}
	}
	for _, m := range serious.FindAllStringSubmatch(said, -1) {
		t.Errorf("serious: %s\n%s", m[1], said)
	}
	// A wrong secret is found, too, before anybody logs in.
	wrong := func(name string) string { return map[string]string{"TANDEM_CLIENT_SECRET": "none-of-ours"}[name] }
	out.Reset()
	if err := program.Run(t.Context(), args, wrong, &out, io.Discard); err == nil &&
		!strings.Contains(out.String(), "client_refused") &&
		!strings.Contains(out.String(), "does not take this client") {
		t.Errorf("a wrong secret is not found:\n%s", out.String())
	}
	return "what was measured, nothing serious; finds a wrong secret"
}

// scopesOf puts the words of -scopes together again.
func scopesOf(args []string) []string {
	i := slices.Index(args, "-scopes")
	if i < 0 {
		return args
	}
	end := i + 1
	for end < len(args) && !strings.HasPrefix(args[end], "-") {
		end++
	}
	return slices.Concat(args[:i+1], []string{strings.Join(args[i+1:end], " ")}, args[end:])
}

// tries are the two runs of the control room's page, and the questions that each can answer.
type tries struct {
	*own
	asked []string
	said  map[string]trial.Answer
}

func asksOf(kind rp.Kind) []string {
	if kind == rp.RefreshToken {
		return []string{"refresh", "refused", "expiry", "logout", "sid", "rotation"}
	}
	return []string{"userinfo"}
}
