package ssf_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/transmitter"
	"github.com/tandem-sso/tandem/rp/ssf"
)

// SSF-02, SSF-03: the formats, and that all members of a complex subject have to
// match.
func TestSubjects(t *testing.T) {
	user := map[string]any{"format": "iss_sub", "iss": "https://idp.example", "sub": "ada"}
	other := map[string]any{"format": "iss_sub", "iss": "https://idp.example", "sub": "bob"}
	foreign := map[string]any{"format": "iss_sub", "iss": "https://else.example", "sub": "ada"}
	email := map[string]any{"format": "email", "email": "Ada@Example.com"}
	stranger := map[string]any{"format": "email", "email": "eve@example.com"}
	opaque := func(id string) map[string]any { return map[string]any{"format": "opaque", "id": id} }
	complex := func(members ...any) map[string]any {
		m := map[string]any{"format": "complex"}
		for i := 0; i < len(members); i += 2 {
			m[members[i].(string)] = members[i+1]
		}
		return m
	}
	const first, second = "SID1", "SID2" // placeholders of the sids
	for name, c := range map[string]struct {
		subject  map[string]any
		resolver bool     // Config.SubjectOf
		critical []string // members
		ends     string   // which of ada's two sessions, "" none
		discard  string   // part of Event.Discarded
	}{
		"iss_sub":                   {subject: user, ends: "12"},
		"iss_sub of another issuer": {subject: foreign, discard: "SubjectOf"},
		"iss_sub resolved":          {subject: foreign, resolver: true, ends: "12"},
		"opaque is a session":       {subject: opaque(first), ends: "1"},
		"opaque unknown":            {subject: opaque("unknown")},
		"email":                     {subject: email, resolver: true, ends: "12"},
		"email of nobody here":      {subject: stranger, resolver: true, discard: "not one of this app's"},
		"email without resolver":    {subject: email, discard: "SubjectOf"},
		"unknown format": {subject: map[string]any{"format": "did", "url": "did:example:1"},
			discard: "SubjectOf"},
		"user and session":        {subject: complex("user", user, "session", opaque(second)), ends: "2"},
		"session alone":           {subject: complex("session", opaque(second)), ends: "2"},
		"user alone":              {subject: complex("user", user), ends: "12"},
		"session of another user": {subject: complex("user", other, "session", opaque(first))},
		"user by email, and session": {subject: complex("user", email, "session", opaque(first)), resolver: true,
			ends: "1"},
		"nobody by email, and session": {subject: complex("user", stranger, "session", opaque(first)),
			resolver: true, discard: "not one of"},
		"unresolved email, session": {subject: complex("user", email, "session", opaque(first)), ends: "1"},
		"user and device": {subject: complex("user", user, "device", opaque("phone"), "tenant",
			opaque("t")), ends: "12"},
		"members of unknown shape": {subject: complex("user", user, "device", 42, "org_unit", map[string]any{}),
			ends: "12"},
		"device alone": {subject: complex("device", opaque("phone")),
			discard: "neither user nor session"},
		"critical and understood": {subject: complex("user", user, "session", opaque(first)),
			critical: []string{"user", "session"}, ends: "1"},
		// SSF-04
		"critical and not understood": {subject: complex("user", user, "tenant", opaque("t")),
			critical: []string{"tenant"}, discard: "critical"},
		"critical and of unknown shape": {subject: complex("user", user, "tenant", true),
			critical: []string{"tenant"}, discard: "critical"},
		"critical and absent": {subject: complex("user", user), critical: []string{"tenant"}, ends: "12"},
		"critical email without resolver": {subject: complex("user", email, "session", opaque(first)),
			critical: []string{"user"}, discard: "critical"},
		"session by another format": {subject: complex("user", user, "session", email), ends: "12"},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, setup{transmitter: func(tc *transmitter.Config) {
				tc.CriticalMembers = c.critical
			}}, func(w *world) {
				_, stream := w.receiver(ssf.Push, func(cfg *ssf.Config) {
					if c.resolver {
						cfg.SubjectOf = func(_ context.Context, id ssf.SubjectID) (string, error) {
							if strings.EqualFold(id.Email, "ada@example.com") || id.Issuer == "https://else.example" {
								return "ada", nil
							}
							return "", nil
						}
					}
				})
				one, two, bob := w.signedIn("ada"), w.signedIn("ada"), w.signedIn("bob")
				time.Sleep(time.Minute)
				raw, err := json.Marshal(c.subject)
				if err != nil {
					t.Fatal(err)
				}
				var subject map[string]any
				text := strings.NewReplacer(first, one.session().SID, second, two.session().SID).Replace(string(raw))
				if err := json.Unmarshal([]byte(text), &subject); err != nil {
					t.Fatal(err)
				}
				w.accepted(stream, transmitter.SET{Event: ssf.SessionRevoked, Subject: subject,
					Payload: map[string]any{"event_timestamp": time.Now().Unix()}})
				for n, v := range map[string]*visitor{"1": one, "2": two} {
					if strings.Contains(c.ends, n) {
						v.expect("ended")
					} else {
						v.expect("live")
					}
				}
				bob.expect("live")
				e := w.lastEvent()
				if e.Ended != len(c.ends) || (c.discard == "") != (e.Discarded == "") ||
					!strings.Contains(e.Discarded, c.discard) {
					t.Errorf("ended %d, discarded %q", e.Ended, e.Discarded)
				}
			})
		})
	}
}
