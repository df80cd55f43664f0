package audit_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/audit"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/rptest"
)

var (
	section = regexp.MustCompile("(?ms)^### `([a-z_]+)`\n(.*?)(?:\\z|^##)")
	field   = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|")
	common  = regexp.MustCompile("(?ms)^## In every record\n(.*?)^## ")
)

// Each event is one record with the fields that docs/audit.md lists, no others and no less.
func TestSchema(t *testing.T) {
	page, err := os.ReadFile("../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	always := fields(common.FindSubmatch(page)[1])
	want := map[string][]string{}
	for rest := page; ; { // a section's end is the next one's beginning
		at := section.FindSubmatchIndex(rest)
		if at == nil {
			break
		}
		want[string(rest[at[2]:at[3]])] = append(fields(rest[at[4]:at[5]]), always...)
		rest = rest[at[5]:]
	}
	var out bytes.Buffer
	var heard []string
	config := audit.Record(rp.Config{Issuer: "https://idp.example", ClientID: "notes", Events: event.Handlers{
		Login:      func(event.Login) { heard = append(heard, "login") },
		End:        func(event.End) { heard = append(heard, "end") },
		Refused:    func(event.Refused) { heard = append(heard, "refused") },
		MassLogout: func(event.MassLogout) { heard = append(heard, "mass_logout") },
		KeysRead:   func(event.KeysRead) { heard = append(heard, "keys_read") },
	}}, slog.New(slog.NewJSONHandler(&out, nil)))
	at := time.Date(2026, 11, 27, 5, 0, 0, 0, time.FixedZone("", 3600))
	config.Events.Login(event.Login{Session: "s", Subject: "ada", SID: "sid", At: at})
	config.Events.End(event.End{Session: "s", Subject: "ada", SID: "sid", Reason: reason.BackchannelLogout,
		Cause: reason.Inactivity, Detail: "left", At: at, Begun: at})
	config.Events.Refused(event.Refused{What: event.RefusedLogin, At: at, Err: errors.New("nonce")})
	config.Events.MassLogout(event.MassLogout{Rejected: 20, Asked: 30, At: at, Paused: time.Minute})
	config.Events.KeysRead(event.KeysRead{At: at, KeyIDs: []string{"k1"}})
	var events []string
	for line := range strings.Lines(out.String()) {
		var r map[string]any
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		event, _ := r["event"].(string)
		events = append(events, event)
		got := slices.Sorted(maps.Keys(r))
		slices.Sort(want[event])
		if !slices.Equal(got, want[event]) {
			t.Errorf("%s has %v,\ndocs/audit.md says %v", event, got, want[event])
		}
		if r["at"] != "2026-11-27T04:00:00Z" || r["schema"] != float64(audit.Version) || r["msg"] != audit.Message {
			t.Errorf("%s", line)
		}
	}
	if !slices.Equal(events, heard) || len(events) != len(want) || len(want) != 5 {
		t.Errorf("records %v, the app's own events %v, documented %d", events, heard, len(want))
	}
}

func fields(text []byte) (out []string) {
	for _, m := range field.FindAllSubmatch(text, -1) {
		out = append(out, string(m[1]))
	}
	return out
}

// A real session leaves its records, and what is empty is left out.
func TestASessionIsRecorded(t *testing.T) {
	var out lines
	auth := rptest.New(t, func(c *rp.Config) { *c = audit.Record(*c, slog.New(slog.NewJSONHandler(&out, nil))) })
	auth.Cookie(rptest.Session{Subject: "ada", SID: "of-ada"})
	if _, err := auth.EndSessions(t.Context(), rp.Whose{Subject: "ada"}); err != nil {
		t.Fatal(err)
	}
	if err := auth.Close(); err != nil { // the end is told by then
		t.Fatal(err)
	}
	for _, want := range []string{`"event":"keys_read"`, `"event":"login"`, `"reason":"admin"`, `"subject":"ada"`, `"sid":"of-ada"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s is not recorded:\n%s", want, &out)
		}
	}
	if strings.Contains(out.String(), `"cause"`) {
		t.Errorf("an empty cause is recorded:\n%s", &out)
	}
}
