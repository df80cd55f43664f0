package trial

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Answer to one question about the IdP.
type Answer struct {
	ID       string `json:"id"`
	Question string `json:"question"`
	Answer   string `json:"answer"` // yes, no, or unseen
	Text     string `json:"text"`   // what was seen; of unseen: how to see it
}

// questions in the order of the page, and how their answer can come to be seen.
func (j *journal) questions() []Answer {
	needs := ""
	if j.window == 0 {
		needs = " This needs the IdP's idle window: stop, and give it in the form."
	}
	return []Answer{
		{ID: "refresh", Question: "Does a refresh extend its session?",
			Text: "Choose the kind refresh-token, log in, be active in the app for longer than the window, then ask " +
				"by prompt=none." + needs},
		{ID: "userinfo", Question: "Does a userinfo call extend its session?",
			Text: "Choose the kind reference-token, log in, be active in the app for longer than the window, then " +
				"ask by prompt=none." + needs},
		{ID: "refused", Question: "Is a refresh refused after its session has ended?",
			Text: "Choose the kind refresh-token, log in, leave everything alone for longer than the window, open " +
				"the app, then ask by prompt=none." + needs},
		{ID: "expiry", Question: "Is back-channel logout fired when its session runs out?",
			Text: "Log in, then leave everything alone for longer than the window; then ask by prompt=none." + needs},
		{ID: "logout", Question: "Is back-channel logout fired at a log-out?",
			Text: "Log in, then log out at the IdP or in another app of it."},
		{ID: "frontchannel", Question: "Is front-channel logout used?",
			Text: "Log in, then log out at the IdP or in another app of it, in the same browser."},
		{ID: "after", Question: "Which error comes after the end?", Text: "It shows when the app or the browser asks " +
			"after the session is over."},
		{ID: "sid", Question: "Does the ID token carry a sid?", Text: "It shows at the first log-in."},
		{ID: "rotation", Question: "Are refresh tokens rotated?", Text: "It shows at the first refresh."},
		{ID: "revocation", Question: "Can tokens be revoked?", Text: "It shows at the first logout in the app."},
	}
}

// answers tells for every question what was seen, or how to see it.
func (j *journal) answers() []Answer {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := j.questions()
	for i, q := range out {
		out[i].Answer = "unseen"
		if hint := j.hints[q.ID]; hint != "" {
			out[i].Text = hint
		}
		if known, ok := j.known[q.ID]; ok {
			out[i].Answer, out[i].Text = known.Answer, known.Text
		}
		switch q.ID {
		case "after":
			if len(j.after) > 0 {
				out[i].Answer, out[i].Text = "yes", strings.Join(j.after, "; ")+"."
			}
		case "logout":
			if known, bad := j.known["token"]; bad && out[i].Answer != "yes" {
				out[i].Answer, out[i].Text = "no", known.Text
				break
			}
			if out[i].Answer != "unseen" {
				break
			}
			if waited := j.now().Sub(j.present.leftAt); !j.present.leftAt.IsZero() && waited >= patience {
				out[i].Text = fmt.Sprintf("None came to this app within %v of the log-out in it. Some IdPs spare the "+
					"app that asked: log out at the IdP or in another app to be sure.", patience)
			} else if j.discovery && !j.backchan {
				out[i].Text = "Its discovery document does not offer it (backchannel_logout_supported). " + out[i].Text
			}
		}
	}
	return out
}

func answered(status int, code string) string {
	if code == "" {
		return fmt.Sprintf("%d %s", status, http.StatusText(status))
	}
	return fmt.Sprintf("%d %s", status, code)
}

func name(how string) string {
	if how == "refresh" {
		return "Refresh"
	}
	return "Userinfo"
}

func one(how string) string {
	if how == "refresh" {
		return "a refresh"
	}
	return "a userinfo call"
}

func plural(how string) string {
	if how == "refresh" {
		return "refreshes"
	}
	return "userinfo calls"
}

func short(d time.Duration) time.Duration {
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond)
	}
	return d.Round(time.Second)
}
