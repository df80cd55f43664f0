// Package audit writes structured records for auditors: who logged in, why a session ended,
// what was refused, when the IdP refused many sessions at once, when its keys were read.
// docs/audit.md has the schema.
package audit

import (
	"context"
	"log/slog"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/event"
)

// Version is the field "schema" of every record. It rises when a field is removed or changes
// its meaning; new fields may come without a new Version.
const Version = 1

// Message is the message of every record; the field "event" says what happened.
const Message = "audit"

// Record returns a Config whose Events are also written to log, each as one record of level
// INFO. The handler of log decides where they go and in which form: slog.NewJSONHandler
// writes a line of JSON for each. The handler is called on the goroutine that caused the
// event, and must return quickly. Strangers can cause the event "refused" as often as they
// like.
//
// Records name persons by subject and sid, as the IdP does. They have no token and no cookie.
func Record(c rp.Config, log *slog.Logger) rp.Config {
	w := writer{log.With("schema", Version, "issuer", c.Issuer, "client_id", c.ClientID)}
	to := c.Events
	c.Events.Login = func(e event.Login) {
		w.write("login", e.At, "session", e.Session, "subject", e.Subject, "sid", e.SID)
		if to.Login != nil {
			to.Login(e)
		}
	}
	c.Events.End = func(e event.End) {
		w.write("end", e.At, "session", e.Session, "subject", e.Subject, "sid", e.SID, "reason", string(e.Reason),
			"cause", string(e.Cause), "detail", e.Detail, "begun", e.Begun)
		if to.End != nil {
			to.End(e)
		}
	}
	c.Events.Refused = func(e event.Refused) {
		w.write("refused", e.At, "what", string(e.What), "error", text(e.Err))
		if to.Refused != nil {
			to.Refused(e)
		}
	}
	c.Events.MassLogout = func(e event.MassLogout) {
		w.write("mass_logout", e.At, "rejected", e.Rejected, "asked", e.Asked, "paused_seconds", e.Paused.Seconds())
		if to.MassLogout != nil {
			to.MassLogout(e)
		}
	}
	c.Events.KeysRead = func(e event.KeysRead) {
		w.write("keys_read", e.At, "key_ids", e.KeyIDs)
		if to.KeysRead != nil {
			to.KeysRead(e)
		}
	}
	return c
}

type writer struct{ log *slog.Logger }

// write leaves out what is empty: a field is there, or not known.
func (w writer) write(event string, at time.Time, pairs ...any) {
	about := []any{"event", event, "at", at.UTC()}
	for i := 0; i+1 < len(pairs); i += 2 {
		switch v := pairs[i+1].(type) {
		case string:
			if v == "" {
				continue
			}
		case time.Time:
			if v.IsZero() {
				continue
			}
			pairs[i+1] = v.UTC()
		}
		about = append(about, pairs[i], pairs[i+1])
	}
	w.log.LogAttrs(context.Background(), slog.LevelInfo, Message, attrs(about)...)
}

func attrs(pairs []any) (out []slog.Attr) {
	for i := 0; i+1 < len(pairs); i += 2 {
		out = append(out, slog.Any(pairs[i].(string), pairs[i+1]))
	}
	return out
}

func text(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
