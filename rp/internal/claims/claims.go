// Package claims puts together what an IdP says of a person: in the ID token, at the
// userinfo endpoint, and in ID tokens before. What was said last counts; only an ID token
// speaks of itself and of the log-in (OpenID Connect Core 1.0 §5.3.2, §12.2).
//
// Nothing is verified here: the caller has done that.
package claims

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"
)

type object = map[string]json.RawMessage

// ofOneToken are claims about one ID token. Another one that leaves them out does not
// have them.
var ofOneToken = []string{"iss", "sub", "aud", "azp", "exp", "iat", "nbf", "jti",
	"nonce", "at_hash", "c_hash", "s_hash"}

// ofTheLogin are claims about the log-in. They are kept, and userinfo does not say them.
var ofTheLogin = []string{"auth_time", "acr", "amr", "sid", "session_expiry"}

// Said is what the IdP has said. Texts are JSON objects; empty: nothing.
type Said struct {
	IDToken  string // the latest, raw
	Kept     string // what former ID tokens said and the latest does not
	Userinfo string // what userinfo said, and no later ID token
}

// All returns all claims, as a JSON object.
func (s Said) All() ([]byte, error) {
	raw, err := payload(s.IDToken)
	if err != nil || s.Kept == "" && s.Userinfo == "" {
		return raw, err
	}
	all, err := parse(string(raw))
	if err != nil {
		return nil, err
	}
	for _, more := range []string{s.Kept, s.Userinfo} {
		o, err := parse(more)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, o)
	}
	return json.Marshal(all)
}

// ByIDToken returns what is said once a newer ID token has come. What it leaves out is
// kept, if keep, but for the claims about one token.
func (s Said) ByIDToken(raw string, keep bool) (Said, error) {
	said, err := token(raw)
	if err != nil {
		return s, err
	}
	kept := object{}
	if keep && s.IDToken != "" {
		if kept, err = token(s.IDToken); err != nil {
			return s, err
		}
		before, err := parse(s.Kept)
		if err != nil {
			return s, err
		}
		maps.Copy(kept, before)
	}
	userinfo, err := parse(s.Userinfo)
	if err != nil {
		return s, err
	}
	for name := range said {
		delete(kept, name)
		delete(userinfo, name)
	}
	drop(kept, ofOneToken)
	return Said{IDToken: raw, Kept: text(kept), Userinfo: text(userinfo)}, nil
}

// ByUserinfo returns what is said once userinfo has answered. What userinfo said before
// and does not say any more is gone; so a role that somebody loses is.
func (s Said) ByUserinfo(answer []byte) (Said, error) {
	said, err := parse(string(answer))
	if err != nil {
		return s, err
	}
	before, err := parse(s.Userinfo)
	if err != nil {
		return s, err
	}
	kept, err := parse(s.Kept)
	if err != nil {
		return s, err
	}
	drop(said, ofOneToken)
	drop(said, ofTheLogin)
	for name := range said {
		delete(kept, name)
	}
	for name := range before {
		delete(kept, name)
	}
	return Said{IDToken: s.IDToken, Kept: text(kept), Userinfo: text(said)}, nil
}

// Has reports whether the claim says one of the values: as a text, a number or a truth
// value, as an entry of a list, or as the name of a member of an object. name is that of a
// claim, else a path to one inside of others (realm_access.roles). No value is never said.
func Has(all []byte, name string, values ...string) bool {
	var o object
	if json.Unmarshal(all, &o) != nil {
		return false
	}
	claim, ok := o[name]
	for rest := name; !ok; {
		var step string
		var more bool
		if step, rest, more = strings.Cut(rest, "."); !more {
			claim, ok = o[step]
			break
		}
		inner := o[step]
		o = nil
		if json.Unmarshal(inner, &o) != nil {
			return false
		}
	}
	return ok && says(claim, values)
}

func says(claim json.RawMessage, values []string) bool {
	var list []json.RawMessage
	if json.Unmarshal(claim, &list) == nil {
		return slices.ContainsFunc(list, func(one json.RawMessage) bool { return is(one, values) })
	}
	var o object
	if json.Unmarshal(claim, &o) == nil { // ZITADEL's roles
		return slices.ContainsFunc(values, func(v string) bool { _, ok := o[v]; return ok && v != "" })
	}
	return is(claim, values)
}

// is reports whether a text, number or truth value is one of the values.
func is(one json.RawMessage, values []string) bool {
	var s string
	switch {
	case len(one) == 0, one[0] == '{', one[0] == '[', string(one) == "null":
		return false
	case json.Unmarshal(one, &s) != nil:
		s = string(one)
	}
	return s != "" && slices.Contains(values, s)
}

// payload is what a signed token says.
func payload(raw string) ([]byte, error) {
	_, rest, _ := strings.Cut(raw, ".")
	middle, _, ok := strings.Cut(rest, ".")
	if !ok {
		return nil, errors.New("claims: no signed token")
	}
	return base64.RawURLEncoding.DecodeString(middle)
}

func token(raw string) (object, error) {
	b, err := payload(raw)
	if err != nil {
		return nil, err
	}
	return parse(string(b))
}

func parse(s string) (object, error) {
	o := object{}
	if s == "" {
		return o, nil
	}
	if err := json.Unmarshal([]byte(s), &o); err != nil || o == nil {
		return nil, errors.New("claims: no JSON object")
	}
	return o, nil
}

// drop takes the names away however they are written: a struct with the field sub takes
// a member SUB too.
func drop(o object, names []string) {
	for name := range o {
		if slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) }) {
			delete(o, name)
		}
	}
}

func text(o object) string {
	if len(o) == 0 {
		return ""
	}
	b, _ := json.Marshal(o) // every member was parsed
	return string(b)
}
