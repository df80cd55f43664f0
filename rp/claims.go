package rp

import (
	"encoding/json"

	"github.com/tandem-sso/tandem/rp/internal/claims"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/record"
)

// Claims decodes the claims about the person into v: those of the ID token and, with
// Config.UserinfoClaims, those of the userinfo endpoint. See docs/claims.md.
func (s *Session) Claims(v any) error { return decodeClaims(s.state().Data, v) }

// HasClaim reports whether a claim has one of the values: as a text, a number or a truth value, in
// a list, or as the name of a member of an object (ZITADEL's roles). name is a claim or a path into
// one (realm_access.roles). Without values, or for an empty one, it is false.
func (s *Session) HasClaim(name string, values ...string) bool {
	return hasClaim(s.state().Data, name, values...)
}

// RequireClaim lets a person through only if the claim has one of the values, as Session.HasClaim
// finds it. Of several RequireClaim all must be met. Other people get 403 (ErrForbidden,
// Config.Forbidden).
func RequireClaim(name string, values ...string) LoginOption {
	return func(w *wish) { w.claims = append(w.claims, claimDemand{name, values}) }
}

// claimDemand is what a route asks of a session's claims.
type claimDemand struct {
	name   string
	values []string
}

func decodeClaims(d *record.Data, v any) error {
	all, err := engine.Said(d).All()
	if err != nil {
		return err
	}
	return json.Unmarshal(all, v)
}

func hasClaim(d *record.Data, name string, values ...string) bool {
	all, err := engine.Said(d).All()
	return err == nil && claims.Has(all, name, values...)
}

// claimOf returns a claim that is a text; empty if there is none.
func claimOf(d *record.Data, name string) (text string) {
	var all map[string]json.RawMessage
	if decodeClaims(d, &all) == nil {
		_ = json.Unmarshal(all[name], &text) // another type is no text
	}
	return text
}
