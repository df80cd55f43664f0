package ssf

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
)

// AddSubject asks for events about a person or a session (§8.1.3.2). A transmitter whose
// default_subjects are NONE, such as Keycloak, sends nothing without it. Call it at the
// log-in, with the IdP's issuer and the person's sub:
//
//	err := transmitter.AddSubject(ctx, stream.ID, ssf.SubjectID{Format: "iss_sub", Issuer: issuer, Subject: sub})
//
// It is safe to repeat. A transmitter may answer with success for a person whom it does not
// know, so that nobody can test which persons it knows. Errors: ErrNoEndpoint, a
// *StatusError.
func (t *Transmitter) AddSubject(ctx context.Context, streamID string, s SubjectID) error {
	return t.changeSubject(ctx, t.metadata().AddSubjectURL, streamID, s, http.StatusOK)
}

// RemoveSubject asks the transmitter to send no more events about a subject (§8.1.3.3). Some
// may still come, and are carried out (§9.3).
func (t *Transmitter) RemoveSubject(ctx context.Context, streamID string, s SubjectID) error {
	return t.changeSubject(ctx, t.metadata().RemoveSubjectURL, streamID, s, http.StatusNoContent)
}

func (t *Transmitter) changeSubject(ctx context.Context, where, streamID string, s SubjectID, status int) error {
	if streamID == "" {
		return errNoID
	}
	if _, err := parseSubject(s.wire(), false); err != nil {
		return &ConfigError{"SubjectID", err.Error()}
	}
	in := map[string]any{"stream_id": streamID, "subject": json.RawMessage(s.wire())}
	if err := t.call(ctx, http.MethodPost, where, in, status, nil); err != nil {
		return fmt.Errorf("ssf: the stream's subjects were not changed: %w", err)
	}
	return nil
}

// wire is the subject as JSON: Raw, or else what the format has.
func (s SubjectID) wire() []byte {
	if len(s.Raw) > 0 {
		return s.Raw
	}
	m := map[string]string{"format": s.Format}
	for name, v := range map[string]string{"iss": s.Issuer, "sub": s.Subject, "email": s.Email, "id": s.ID} {
		if v != "" {
			m[name] = v
		}
	}
	raw, err := json.Marshal(m)
	if err != nil { // there are only strings
		return nil
	}
	return raw
}
