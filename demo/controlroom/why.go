package controlroom

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp/reason"
)

// answer to “Why was I logged out?”, in words.
type answer struct {
	Cause   string `json:"cause"`
	First   string `json:"first"` // who knew first, and when
	Took    []took `json:"took"`
	Setting string `json:"setting"` // that would have changed it
}

// took is how an app came to know, and how long after the first.
type took struct {
	App  string `json:"app"`
	Text string `json:"text"`
}

// why answers for one end that is on the timeline.
func (r *Room) why(w http.ResponseWriter, req *http.Request) {
	id, err := strconv.ParseInt(req.PathValue("id"), 10, 64)
	if err == nil {
		if a, ok := explain(r.System.Log.Read(0).Events, id, r.System.Settings()); ok {
			apps.JSON(w, http.StatusOK, a)
			return
		}
	}
	apps.JSON(w, http.StatusNotFound, apps.Failure{Error: "no_such_end",
		Text: "The timeline has no such end any more."})
}

// explain answers from what has happened, by the settings as they are now. It is pure.
func explain(all []system.Event, id int64, s system.Settings) (answer, bool) {
	var end system.Event
	for _, e := range all {
		if e.ID == id && e.Kind == system.Ended {
			end = e
		}
	}
	switch {
	case end.ID == 0:
		return answer{}, false
	case end.From == system.Naive:
		return answer{Cause: "Its refresh failed, and the app took that for the end: " + end.Reason + "." +
			quiet(all, end, s), First: "Nobody else: this app asks nobody why.", Took: []took{},
			Setting: "None. It refreshes when its token runs out, not when somebody is active, and it takes every " +
				"failure for a verdict."}, true
	}
	root := rootOf(all, end)
	a := answer{Cause: causeOf(root), First: fmt.Sprintf("%s, at %s.", system.Name(root.From),
		root.At.Format("15:04:05")), Took: []took{}}
	for _, one := range sessionsOf(all, root) {
		if one.From != root.From {
			a.Took = append(a.Took, one.told(root))
		}
	}
	a.Setting = settingOf(all, root, end, s)
	return a, true
}

// quiet adds that the person was not gone, where the IdP ends the tokens of an app that was not
// used for a while.
func quiet(all []system.Event, end system.Event, s system.Settings) string {
	like, err := idpmock.Like(s.Like)
	gone := slices.ContainsFunc(all, func(e system.Event) bool {
		return e.ID < end.ID && e.Kind == system.Ended && e.From == system.IdP && e.Subject == end.Subject
	})
	if err != nil || !like.ClientIdle || gone {
		return ""
	}
	return fmt.Sprintf(" The session at the IdP lives: an IdP like %s ends an app's refresh token %s after this "+
		"app's own last refresh.", s.Like, apps.Span(s.IdPIdle))
}

// rootOf is the end that the others follow from: the IdP's, or the app's own if its rule
// or its person came first.
func rootOf(all []system.Event, end system.Event) system.Event {
	switch reason.Reason(end.Reason) {
	case reason.Idle, reason.Absolute, reason.Replaced, reason.Admin, reason.SessionLimit:
		if end.From != system.IdP {
			return end
		}
	}
	root := end
	for _, e := range all {
		if e.Kind != system.Ended || e.SID == "" || e.SID != end.SID {
			continue
		}
		// Whoever logged out did so before the IdP knew; what else an app ended by itself
		// did not end the others.
		if e.From == system.IdP && root.Reason != string(reason.UserLogout) || e.Reason == string(reason.UserLogout) {
			root = e
		}
	}
	return root
}

// ending is an app's session and its end, if that has come.
type ending struct {
	system.Event
	live bool
}

// sessionsOf lists the sessions in apps that belonged to the same session at the IdP.
func sessionsOf(all []system.Event, root system.Event) []ending {
	var out []ending
	at := map[string]int{}
	for _, e := range all {
		if e.SID == "" || e.SID != root.SID {
			continue
		}
		switch {
		case e.Kind == system.Login && e.Session != "":
			at[e.Session] = len(out)
			out = append(out, ending{system.Event{From: e.To, Session: e.Session}, true})
		case e.Kind == system.Ended && e.Session != "" && e.From != system.IdP:
			if i, ok := at[e.Session]; ok {
				out[i] = ending{e, false}
			}
		}
	}
	return out
}

var ways = map[reason.Reason]string{
	reason.BackchannelLogout:  "a logout token told it",
	reason.FrontchannelLogout: "the browser told it, from a page of the IdP",
	reason.RefreshRejected:    "it wanted to report activity, and its refresh was refused",
	reason.APIUnauthorized:    "its API answered 401, and the IdP confirmed it",
	reason.Unconfirmed:        "it asked in the background (prompt=none)",
	reason.IdPCeiling:         "it knew this end beforehand, and asked nobody",
}

func (e ending) told(root system.Event) took {
	d := e.At.Sub(root.At).Round(time.Second)
	way := ways[reason.Reason(e.Reason)]
	alone := root.From != system.IdP && root.Reason != string(reason.UserLogout)
	switch {
	case alone && (e.live || e.At.After(root.At)):
		return took{system.Name(e.From), "was not concerned: this was an end in " + system.Name(root.From) + " alone."}
	case e.live:
		return took{system.Name(e.From), "does not know yet: nobody told it, and nobody was active there since."}
	case e.At.Before(root.At.Add(-time.Second)) || way == "":
		return took{system.Name(e.From), "had ended its session by itself: " + e.Reason + "."}
	case d < time.Second:
		return took{system.Name(e.From), "at once: " + way + "."}
	}
	return took{system.Name(e.From), fmt.Sprintf("after %s: %s.", apps.Span(d), way)}
}

func causeOf(root system.Event) string {
	if root.From != system.IdP {
		return strings.TrimPrefix(root.Text, system.Name(root.From)+" ")
	}
	return root.Text
}

// settingOf names the setting without which, or with another value of which, the session
// would not have ended then, by its name on this page and in rp.Config.
func settingOf(all []system.Event, root, end system.Event, s system.Settings) string {
	if root.From == system.IdP {
		switch root.Reason {
		case string(idpmock.CauseIdle):
			return afterIdle(all, root, s)
		case string(idpmock.CauseAbsolute):
			return fmt.Sprintf("“Longest session at the IdP”, now %s. Activity does not move it.",
				apps.Span(s.IdPAbsolute))
		}
		return sooner(root, end, s)
	}
	switch reason.Reason(root.Reason) {
	case reason.Idle:
		return fmt.Sprintf("“Idle limit of the apps” (Config.Idle), now %s. At 0 the IdP's window decides alone, and "+
			"activity in another app counts.", apps.Span(s.Idle))
	case reason.Absolute:
		return fmt.Sprintf("“Longest session in an app” (Config.Absolute), now %s. Activity does not move it.",
			apps.Span(s.Absolute))
	case reason.IdPCeiling:
		return fmt.Sprintf("“Longest session at the IdP”, now %s: the IdP had announced it.", apps.Span(s.IdPAbsolute))
	}
	return sooner(root, end, s)
}

// afterIdle looks at the person's last activity: was the window too short, or was the IdP
// not told?
func afterIdle(all []system.Event, root system.Event, s system.Settings) string {
	var active, told time.Time
	where := ""
	for _, e := range all {
		if e.At.After(root.At) || e.Subject != root.Subject {
			continue
		}
		switch {
		case e.Kind == system.Active && e.To != system.Naive:
			active, where = e.At, e.To
		case (e.Kind == system.Told || e.Kind == system.Login) && e.SID == root.SID:
			told = e.At
		}
	}
	gap := root.At.Sub(active)
	if late := active.Sub(told); where != "" && late >= time.Second {
		if where == system.Wiki {
			return fmt.Sprintf("The person was active in Wiki %s before, which tells the IdP nothing: it keeps no "+
				"token. “Wiki asks by prompt=none” (Config.SilentCheck) makes it ask.", apps.Span(gap))
		}
		return fmt.Sprintf("“Report the last activity, too” (Config.TrailingSignal): the last click, in %s, came %s "+
			"after the last report, so the IdP counted from the report. Or a longer “Idle window of the IdP”, now %s.",
			system.Name(where), apps.Span(late), apps.Span(s.IdPIdle))
	}
	return fmt.Sprintf("“Idle window of the IdP (W)”, now %s: nobody was active in any app for that long.",
		apps.Span(s.IdPIdle))
}

// sooner: somebody wanted this end. A setting could only have changed how soon it was known.
func sooner(root, end system.Event, s system.Settings) string {
	const wanted = "None: somebody wanted this end."
	if end.At.Sub(root.At) < time.Second {
		return wanted
	}
	which := ""
	switch reason.Reason(end.Reason) {
	case reason.RefreshRejected, reason.APIUnauthorized:
		every := "a fifth of the window"
		if s.SignalEvery > 0 {
			every = apps.Span(s.SignalEvery)
		}
		which = "“Report activity every (δ)” (Config.SignalEvery), now " + every
	case reason.Unconfirmed:
		which = "“Trust for” (Config.TrustFor), now " + apps.Span(s.TrustFor)
	default:
		return wanted
	}
	told := "with a logout token that arrives, at once"
	if like, err := idpmock.Like(s.Like); err == nil && !like.Has("backchannel_logout_supported") {
		told = "an IdP like " + s.Like + " sends no logout tokens"
	}
	return wanted + fmt.Sprintf(" With a shorter %s, the app would have known sooner; %s.", which, told)
}
