package idpmock

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/internal/plain"
)

// Like returns the temperament of a provider by its name, one of
// [TemperamentNames]. The value is the caller's own.
func Like(name string) (Temperament, error) {
	t, ok := temperaments[name]
	if !ok {
		t, ok = moreTemperaments[name]
	}
	if !ok {
		return Temperament{}, fmt.Errorf("idpmock: temperament: %q is none of %s", name,
			strings.Join(TemperamentNames(), ", "))
	}
	t.Name = name
	t.NoLogoutReason = true // of those that are known by name, none sends it
	t.copyLists()
	return t, nil
}

// copyLists makes the lists the value's own.
func (t *Temperament) copyLists() {
	t.NoExtend, t.NoProof = copied(t.NoExtend), copied(t.NoProof)
	t.NoLogoutTokenOn = copied(t.NoLogoutTokenOn)
	t.IDToken, t.LogoutToken = copied(t.IDToken), copied(t.LogoutToken)
	t.Lacks, t.Unadvertised = copied(t.Lacks), copied(t.Unadvertised)
}

// TemperamentNames lists the names that [Like] knows, sorted.
func TemperamentNames() []string {
	names := slices.Concat(slices.Collect(maps.Keys(temperaments)), slices.Collect(maps.Keys(moreTemperaments)))
	slices.Sort(names)
	return names
}

// Extends reports whether a call extends the session of a coordinated client.
func (t Temperament) Extends(call Endpoint) bool { return !slices.Contains(t.NoExtend, call) }

// Proves reports whether a call of a coordinated client fails once the session is
// over, so that its success proves that the session lives.
func (t Temperament) Proves(call Endpoint) bool { return !slices.Contains(t.NoProof, call) }

// Has reports whether the provider has what Lacks could name.
func (t Temperament) Has(metadata string) bool { return !slices.Contains(t.Lacks, metadata) }

// The names of discovery metadata that a provider may lack.
const (
	hasUserinfo     = "userinfo_endpoint"
	hasIntrospect   = "introspection_endpoint"
	hasRevoke       = "revocation_endpoint"
	hasEndSession   = "end_session_endpoint"
	hasCheckSession = "check_session_iframe"
	hasPAR          = "pushed_authorization_request_endpoint"
	hasDPoP         = "dpop_signing_alg_values_supported"
	hasIss          = "authorization_response_iss_parameter_supported"
	hasBackchannel  = "backchannel_logout_supported"
	hasFrontchannel = "frontchannel_logout_supported"
)

// Lackable lists the names that [Temperament].Lacks and Unadvertised may hold.
func Lackable() []string {
	return []string{hasUserinfo, hasIntrospect, hasRevoke, hasEndSession, hasCheckSession, hasPAR, hasDPoP, hasIss,
		hasBackchannel, hasFrontchannel}
}

// check reports every mistake at once.
func (t *Temperament) check() error {
	var errs []error
	all := func(err error) { errs = append(errs, err) }
	all(known("Temperament.AccessToken", t.AccessToken, accessTokenTypes))
	all(known("Temperament.APIAccessToken", t.APIAccessToken, accessTokenTypes))
	all(known("Temperament.RefreshToken", t.RefreshToken, refreshTokenRules))
	all(known("Temperament.Announce", t.Announce, announcements))
	all(known("Temperament.Rotation", t.Rotation, rotations))
	all(known("Temperament.ReuseTakes", t.ReuseTakes, reaches))
	all(known("Temperament.Revocation", t.Revocation, reaches))
	all(known("Temperament.AccessTokenRevocation", t.AccessTokenRevocation, reaches))
	all(known("Temperament.LogoutHint", t.LogoutHint, hintRules))
	all(knownAll("Temperament.NoExtend", t.NoExtend, append([]Endpoint{EndpointAuthorize}, tokenCalls...)))
	all(knownAll("Temperament.NoProof", t.NoProof, tokenCalls))
	all(knownAll("Temperament.IDToken", t.IDToken, IDTokenFaults()))
	all(knownAll("Temperament.LogoutToken", t.LogoutToken, LogoutFaults()))
	all(knownAll("Temperament.NoLogoutTokenOn", t.NoLogoutTokenOn, causes))
	all(knownAll("Temperament.Lacks", t.Lacks, Lackable()))
	all(knownAll("Temperament.Unadvertised", t.Unadvertised, Lackable()))
	r := &t.Refusals
	for _, one := range []Refusal{r.Refresh, r.RefreshExpired, r.RefreshReused, r.RefreshEnded, r.RefreshLeft,
		r.Userinfo, r.UserinfoEnded, r.UserinfoAudience} {
		if one.Status != 0 && (one.Status < 400 || one.Status > 599) {
			all(fmt.Errorf("idpmock: Temperament.Refusals: status %d of %q is none from 400 to 599", one.Status,
				one.Error))
		}
	}
	if t.ReuseGrace < 0 || t.LogoutTokenLifetime < 0 || t.MaxRefreshTokens < 0 || t.MaxHint < 0 || t.MaxQuery < 0 ||
		t.Groups < 0 {
		all(errors.New("idpmock: Temperament: ReuseGrace, LogoutTokenLifetime, MaxRefreshTokens, MaxHint, MaxQuery " +
			"and Groups must not be negative"))
	}
	if t.Groups > maxGroups {
		all(fmt.Errorf("idpmock: Temperament.Groups: %d is more than %d", t.Groups, maxGroups))
	}
	return errors.Join(errs...)
}

var (
	accessTokenTypes  = []AccessTokenType{JWT, Reference}
	refreshTokenRules = []RefreshTokenRule{RefreshOffline, RefreshConsent, RefreshAccessType, RefreshNever}
	announcements     = []Announcement{AnnounceRefreshExpiresIn, AnnounceRefreshTokenExpiresIn}
	rotations         = []Rotation{RotationNone, RotationRepeat, RotationLenient, RotationStrict}
	hintRules         = []HintRule{HintOrIgnored, HintForRedirect, HintAlways, HintRefused}
	reaches           = []Reach{ReachNothing, ReachToken, ReachReference, ReachFamily, ReachClientSession,
		ReachUserClient, ReachSession}
)

func knownAll[T ~string](field string, values, list []T) error {
	for _, v := range values {
		if v == "" {
			return fmt.Errorf("idpmock: %s: an entry is empty", field)
		}
		if err := known(field, v, list); err != nil {
			return err
		}
	}
	return nil
}

type plainTemperament Temperament

type temperamentJSON struct {
	*plainTemperament
	ReuseGrace          duration `json:"reuse_grace"`
	LogoutTokenLifetime duration `json:"logout_token_lifetime"`
}

// MarshalJSON writes every field, so that what is written can be read again.
func (t Temperament) MarshalJSON() ([]byte, error) {
	t.copyLists() // an empty list is [], not null
	return json.Marshal(temperamentJSON{(*plainTemperament)(&t), duration(t.ReuseGrace),
		duration(t.LogoutTokenLifetime)})
}

// UnmarshalJSON reads a temperament. With name it starts as [Like] has it, else
// from the zero value; the other fields go over that.
func (t *Temperament) UnmarshalJSON(b []byte) (err error) {
	*t = Temperament{}
	if name := plain.NameIn(b); name != "" {
		if *t, err = Like(name); err != nil {
			return err
		}
	}
	j := temperamentJSON{(*plainTemperament)(t), duration(t.ReuseGrace), duration(t.LogoutTokenLifetime)}
	if err := plain.Strict(b, &j); err != nil {
		return err
	}
	t.ReuseGrace, t.LogoutTokenLifetime = time.Duration(j.ReuseGrace), time.Duration(j.LogoutTokenLifetime)
	return nil
}
