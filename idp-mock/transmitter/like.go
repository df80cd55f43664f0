package transmitter

import (
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Temperament says how a transmitter differs from the Shared Signals Framework 1.0, or which
// of its choices it makes.
type Temperament struct {
	// SubjectInEvent puts the subject into the event, and no sub_id beside it. A complex
	// subject has no format there.
	SubjectInEvent bool
	// Milliseconds counts event_timestamp in milliseconds: those that [Transmitter.SessionRevoked]
	// leaves out are 643.
	Milliseconds bool
	// NoDefaultSubjects transmits events about the subjects alone that the receiver has
	// added (SSF §8.1.3.2).
	NoDefaultSubjects bool
	// VerifiesNew sends a verification event, without a state, to a new stream.
	VerifiesNew bool
}

// transmitters are those that [Like] knows, by their documentation of autumn
// 2026.
var transmitters = map[string]Config{
	// "SSF Transmitter SET payload structures": the session-revoked event of its
	// documentation has "subject": {"user": {…}} and thirteen digits of a time.
	"okta": {Temperament: Temperament{SubjectInEvent: true, Milliseconds: true}},
	// "Shared Signals Framework" of its guides, experimental: default_subjects NONE, a
	// verification after the creation and one a minute on request, no long poll.
	"keycloak": {Temperament: Temperament{NoDefaultSubjects: true, VerifiesNew: true},
		VerifyInterval: time.Minute, PollHold: -1},
}

// Like returns the configuration of a transmitter like a provider's: "okta" or
// "keycloak". Add Receivers to it.
func Like(name string) (Config, error) {
	c, ok := transmitters[name]
	if !ok {
		return c, fmt.Errorf("transmitter: Like: %q is unknown; use one of %s", name,
			strings.Join(slices.Sorted(maps.Keys(transmitters)), ", "))
	}
	return c, nil
}

func (c Temperament) defaultSubjects() string {
	if c.NoDefaultSubjects {
		return "NONE"
	}
	return "ALL"
}

// shape changes a token before it is signed.
func (c Temperament) shape(t *token, event string) {
	payload, _ := t.claims["events"].(map[string]any)[event].(map[string]any)
	if seconds, ok := payload["event_timestamp"].(int64); ok && c.Milliseconds {
		payload["event_timestamp"] = seconds*1000 + 643
	}
	if subject, _ := t.claims["sub_id"].(map[string]any); c.SubjectInEvent && subject != nil {
		if subject["format"] == "complex" {
			subject = maps.Clone(subject)
			delete(subject, "format")
		}
		payload["subject"] = subject
		delete(t.claims, "sub_id")
	}
}

// concerns tells whether a stream hears of an event.
func (t *Transmitter) concerns(s *stream, e SET) bool {
	if !t.cfg.Temperament.NoDefaultSubjects || e.Event == EventTypeVerification || e.Event == EventTypeStreamUpdated {
		return true
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.ContainsFunc(s.subjects, func(added map[string]any) bool { return subjectsMatch(added, e.Subject) })
}

// subjectsMatch is SSF §8.1.3.1, for subjects of which one at least is simple: a simple
// one matches the complex ones of which it is a member.
func subjectsMatch(a, b map[string]any) bool {
	if reflect.DeepEqual(a, b) {
		return true
	}
	for _, pair := range [][2]map[string]any{{a, b}, {b, a}} {
		for _, member := range pair[0] {
			if pair[0]["format"] == "complex" && reflect.DeepEqual(member, pair[1]) {
				return true
			}
		}
	}
	return false
}

// addSubject and removeSubject are SSF §8.1.3.2 and §8.1.3.3. They do not tell whether
// there is such a subject.
func (t *Transmitter) addSubject(_ http.ResponseWriter, r *http.Request, rc Receiver) (int, any) {
	return t.changeSubject(r, rc, http.StatusOK, func(s *stream, subject map[string]any) {
		s.subjects = append(s.subjects, subject)
	})
}

func (t *Transmitter) removeSubject(_ http.ResponseWriter, r *http.Request, rc Receiver) (int, any) {
	return t.changeSubject(r, rc, http.StatusNoContent, func(*stream, map[string]any) {})
}

func (t *Transmitter) changeSubject(r *http.Request, rc Receiver, status int,
	then func(*stream, map[string]any)) (int, any) {
	b, err := readBody(r)
	if format, _ := b.Subject["format"].(string); err != nil || format == "" {
		return http.StatusBadRequest, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.find(rc, b.ID)
	switch {
	case s == nil:
		return http.StatusNotFound, nil
	case len(s.subjects) >= maxStreamEvents:
		return http.StatusForbidden, nil
	}
	s.subjects = slices.DeleteFunc(s.subjects, func(o map[string]any) bool { return reflect.DeepEqual(o, b.Subject) })
	then(s, b.Subject)
	return status, nil
}
