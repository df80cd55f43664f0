package rp

import (
	"encoding/json"

	"github.com/tandem-sso/tandem/rp/internal/claims"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/record"
)

// Claims decodes into v what the IdP says of the person: the claims of the latest ID token,
// those that it leaves out and a former one had, and with Config.UserinfoClaims those of the
// userinfo endpoint. What was said last counts. docs/claims.md has the rules.
func (s *Session) Claims(v any) error { return decodeClaims(s.state().Data, v) }

// HasClaim reports whether a claim has one of the values: as a text, a number or a truth
// value, as an entry of a list, or as the name of a member of an object (ZITADEL's roles).
// name is that of a claim, or else a path to one inside of others (Keycloak's
// realm_access.roles). Without values it is false, and so is it for an empty one.
func (s *Session) HasClaim(name string, values ...string) bool {
	return hasClaim(s.state().Data, name, values...)
}

// RequireClaim lets only those through whose claim has one of the values, as
// [Session.HasClaim] finds it. Several such options all have to be met. Others are answered
// 403 ([ErrForbidden], Config.Forbidden). It is an option of the adapters' RequireLogin; a
// log-in cannot ask the IdP for it.
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
