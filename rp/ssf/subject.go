package ssf

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// SubjectID identifies a person or a thing (RFC 9493 §3).
type SubjectID struct {
	Format string // iss_sub, email, opaque, complex, or what transmitter and receiver agreed on

	Issuer  string // with iss_sub
	Subject string // with iss_sub
	Email   string // with email; as it was sent, in any case
	ID      string // with opaque

	Raw json.RawMessage // all of it

	members map[string]SubjectID // with complex
}

const (
	formatIssSub  = "iss_sub"
	formatEmail   = "email"
	formatOpaque  = "opaque"
	formatComplex = "complex"
)

// parseSubject reads a subject identifier. Members that it does not know are
// ignored.
func parseSubject(raw json.RawMessage, inside bool) (SubjectID, error) {
	m, err := object(raw)
	if err != nil {
		return SubjectID{}, errors.New("missing or not a JSON object")
	}
	s := SubjectID{Raw: raw}
	var ok bool
	if s.Format, ok = text(m["format"]); !ok || s.Format == "" {
		return SubjectID{}, errors.New("format is missing")
	}
	need := func(name string) (v string) {
		if v, ok = text(m[name]); (!ok || v == "") && err == nil {
			err = fmt.Errorf("%s is missing or empty", name)
		}
		return v
	}
	switch s.Format {
	case formatIssSub:
		s.Issuer, s.Subject = need("iss"), need("sub")
	case formatEmail:
		s.Email = need("email")
	case formatOpaque:
		s.ID = need("id")
	case formatComplex:
		if inside {
			return SubjectID{}, errors.New("a complex subject has a complex member")
		}
		s.members, err = parseMembers(m)
	}
	return s, err
}

// parseEventSubject reads a subject inside an event. There a complex subject may come
// without format, as in Okta's documentation.
func parseEventSubject(raw json.RawMessage) (SubjectID, error) {
	m, err := object(raw)
	if err != nil || m["format"] != nil || m[memberUser] == nil && m[memberSession] == nil {
		return parseSubject(raw, false) // which names the fault
	}
	members, err := parseMembers(m)
	return SubjectID{Format: formatComplex, Raw: raw, members: members}, err
}

// parseMembers reads the members of a complex subject (§3.3). Of those that are
// not understood here it is only kept that they are there.
func parseMembers(m map[string]json.RawMessage) (map[string]SubjectID, error) {
	members := map[string]SubjectID{}
	for name, raw := range m {
		switch name {
		case "format":
		case memberUser, memberSession:
			s, err := parseSubject(raw, true)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			members[name] = s
		default:
			members[name] = SubjectID{Raw: raw}
		}
	}
	if len(members) == 0 {
		return nil, errors.New("a complex subject has no members")
	}
	return members, nil
}

const (
	memberUser    = "user"
	memberSession = "session"
)

// target is whom an event concerns here; subject, sid or both are set.
type target struct{ subject, sid string }

// discarded says why nothing is done about a valid event.
type discarded string

const (
	discardedUnknown  discarded = "the subject is not one of this app's"
	discardedFormat   discarded = "the subject is named in a way that needs Config.SubjectOf"
	discardedCritical discarded = "the subject has a critical member that is not understood"
	discardedMembers  discarded = "the subject names neither user nor session"
)

// resolve finds whom a session-revoked event concerns (§3.6). A simple subject of
// format opaque is a session, as in CAEP §3.1.2; everything else is a person.
func (r *Receiver) resolve(ctx context.Context, s SubjectID) (t target, why discarded, err error) {
	if s.Format == formatOpaque {
		return target{sid: s.ID}, "", nil
	}
	if s.Format != formatComplex {
		t.subject, why, err = r.person(ctx, s)
		return t, why, err
	}
	done := map[string]bool{}
	if session, ok := s.members[memberSession]; ok && session.Format == formatOpaque {
		t.sid, done[memberSession] = session.ID, true
	}
	why = discardedMembers
	if user, ok := s.members[memberUser]; ok {
		var reason discarded
		switch t.subject, reason, err = r.person(ctx, user); {
		case err != nil, reason == discardedUnknown:
			return target{}, reason, err // all members have to match
		case reason == "":
			done[memberUser] = true
		default:
			why = reason
		}
	}
	for name := range s.members {
		if !done[name] && r.cfg.Transmitter.isCritical(name) { // SSF-04
			return target{}, discardedCritical, nil
		}
	}
	if t == (target{}) {
		return t, why, nil
	}
	return t, "", nil
}

// person finds the IdP's identifier of a person.
func (r *Receiver) person(ctx context.Context, s SubjectID) (string, discarded, error) {
	if s.Format == formatIssSub && s.Issuer == r.cfg.Sessions.Issuer() {
		return s.Subject, "", nil
	}
	if r.cfg.SubjectOf == nil {
		return "", discardedFormat, nil
	}
	subject, err := r.cfg.SubjectOf(ctx, s)
	if err != nil {
		return "", "", fmt.Errorf("ssf: Config.SubjectOf failed: %w", err)
	}
	if subject == "" {
		return "", discardedUnknown, nil
	}
	return subject, "", nil
}
