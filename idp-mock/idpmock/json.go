package idpmock

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/internal/plain"
)

// duration reads "1m30s" or a number of seconds, and writes the former.
type duration = plain.Duration

type plainClient Client

type clientJSON struct {
	*plainClient
	JWKS                 json.RawMessage `json:"jwks,omitempty"`
	AccessTokenLifetime  duration        `json:"access_token_lifetime,omitempty"`
	RefreshTokenLifetime duration        `json:"refresh_token_lifetime,omitempty"`
	IdleWindow           duration        `json:"idle_window,omitempty"`
}

// MarshalJSON writes the client as a configuration file has it, without its
// secret.
func (c Client) MarshalJSON() ([]byte, error) {
	c.Secret = ""
	return json.Marshal(clientJSON{(*plainClient)(&c), c.JWKS, duration(c.AccessTokenLifetime),
		duration(c.RefreshTokenLifetime), duration(c.IdleWindow)})
}

// UnmarshalJSON reads a client. Fields that are absent keep their value.
func (c *Client) UnmarshalJSON(b []byte) error {
	j := clientJSON{(*plainClient)(c), c.JWKS, duration(c.AccessTokenLifetime), duration(c.RefreshTokenLifetime),
		duration(c.IdleWindow)}
	if err := plain.Strict(b, &j); err != nil {
		return err
	}
	c.JWKS, c.AccessTokenLifetime, c.RefreshTokenLifetime, c.IdleWindow = j.JWKS, time.Duration(j.AccessTokenLifetime),
		time.Duration(j.RefreshTokenLifetime), time.Duration(j.IdleWindow)
	return nil
}

// configJSON is a configuration file.
type configJSON struct {
	Issuer                                  *string        `json:"issuer,omitempty"`
	Clients                                 *[]Client      `json:"clients,omitempty"`
	Users                                   *[]User        `json:"users,omitempty"`
	APIs                                    *[]API         `json:"apis,omitempty"`
	IdleWindow                              *duration      `json:"idle_window,omitempty"`
	AbsoluteLifetime                        *duration      `json:"absolute_lifetime,omitempty"`
	CoordinateClientLifetimes               *bool          `json:"coordinate_client_lifetimes,omitempty"`
	ExpiredSessionsTriggerBackchannelLogout *bool          `json:"expired_sessions_trigger_backchannel_logout,omitempty"`
	Policies                                *Policies      `json:"policies,omitempty"`
	Temperament                             *Temperament   `json:"temperament,omitempty"`
	PKCEOptional                            *bool          `json:"pkce_optional,omitempty"`
	AccessTokenTyp                          *string        `json:"access_token_typ,omitempty"`
	SigningAlg                              *string        `json:"signing_alg,omitempty"`
	IDTokenLifetime                         *duration      `json:"id_token_lifetime,omitempty"`
	CodeLifetime                            *duration      `json:"code_lifetime,omitempty"`
	RefreshExpiresIn                        *bool          `json:"refresh_expires_in,omitempty"`
	RefreshTokenTimeout                     *bool          `json:"refresh_token_timeout,omitempty"`
	SessionExpiry                           *bool          `json:"session_expiry,omitempty"`
	SIDPerClient                            *bool          `json:"sid_per_client,omitempty"`
	SIDOnlyIfRequired                       *bool          `json:"sid_only_if_required,omitempty"`
	RefreshReuseGrace                       *duration      `json:"refresh_reuse_grace,omitempty"`
	ACRValues                               *[]string      `json:"acr_values,omitempty"`
	RequireJAR                              *bool          `json:"require_jar,omitempty"`
	RequestURI                              *bool          `json:"request_uri,omitempty"`
	RequireRequestURIRegistration           *bool          `json:"require_request_uri_registration,omitempty"`
	RequirePAR                              *bool          `json:"require_par,omitempty"`
	MTLSOrigin                              *string        `json:"mtls_origin,omitempty"`
	DPoPNonce                               *bool          `json:"dpop_nonce,omitempty"`
	Registration                            **Registration `json:"registration,omitempty"`
	SweepEvery                              *duration      `json:"sweep_every,omitempty"`
	DeliveryTimeout                         *duration      `json:"delivery_timeout,omitempty"`
	DeliveryRetries                         *[]duration    `json:"delivery_retries,omitempty"`
	LogoutWait                              *duration      `json:"logout_wait,omitempty"`
}

// apply copies what j has over c.
func (j *configJSON) apply(c *Config) {
	put(&c.Issuer, j.Issuer)
	put(&c.Clients, j.Clients)
	put(&c.Users, j.Users)
	put(&c.APIs, j.APIs)
	putDuration(&c.IdleWindow, j.IdleWindow)
	putDuration(&c.AbsoluteLifetime, j.AbsoluteLifetime)
	put(&c.CoordinateClientLifetimes, j.CoordinateClientLifetimes)
	put(&c.ExpiredSessionsTriggerBackchannelLogout, j.ExpiredSessionsTriggerBackchannelLogout)
	put(&c.Policies, j.Policies)
	put(&c.Temperament, j.Temperament)
	put(&c.PKCEOptional, j.PKCEOptional)
	put(&c.AccessTokenTyp, j.AccessTokenTyp)
	put(&c.SigningAlg, j.SigningAlg)
	putDuration(&c.IDTokenLifetime, j.IDTokenLifetime)
	putDuration(&c.CodeLifetime, j.CodeLifetime)
	put(&c.RefreshExpiresIn, j.RefreshExpiresIn)
	put(&c.RefreshTokenTimeout, j.RefreshTokenTimeout)
	put(&c.SessionExpiry, j.SessionExpiry)
	put(&c.SIDPerClient, j.SIDPerClient)
	put(&c.SIDOnlyIfRequired, j.SIDOnlyIfRequired)
	putDuration(&c.RefreshReuseGrace, j.RefreshReuseGrace)
	put(&c.ACRValues, j.ACRValues)
	put(&c.RequireJAR, j.RequireJAR)
	put(&c.RequestURI, j.RequestURI)
	put(&c.RequireRequestURIRegistration, j.RequireRequestURIRegistration)
	put(&c.RequirePAR, j.RequirePAR)
	put(&c.MTLSOrigin, j.MTLSOrigin)
	put(&c.DPoPNonce, j.DPoPNonce)
	put(&c.Registration, j.Registration)
	putDuration(&c.SweepEvery, j.SweepEvery)
	putDuration(&c.DeliveryTimeout, j.DeliveryTimeout)
	if j.DeliveryRetries != nil {
		c.DeliveryRetries = make([]time.Duration, 0, len(*j.DeliveryRetries))
		for _, d := range *j.DeliveryRetries {
			c.DeliveryRetries = append(c.DeliveryRetries, time.Duration(d))
		}
	}
	putDuration(&c.LogoutWait, j.LogoutWait)
}

func put[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func putDuration(to *time.Duration, from *duration) {
	if from != nil {
		*to = time.Duration(*from)
	}
}

// UnmarshalJSON reads a configuration file. Its names are those of the Go
// fields in snake case; a duration is "15m" or a number of seconds; an unknown
// name is an error. Fields that are absent keep their value.
func (c *Config) UnmarshalJSON(b []byte) error {
	var j configJSON
	if err := plain.Strict(b, &j); err != nil {
		return fmt.Errorf("idpmock: configuration: %w", err)
	}
	j.apply(c)
	return nil
}

type (
	plainFault         Fault
	plainDeliveryFault DeliveryFault
	plainRequest       Request
)

type faultJSON struct {
	*plainFault
	Delay      duration `json:"delay,omitempty"`
	DelayAfter duration `json:"delay_after,omitempty"`
}

// MarshalJSON writes the fault as the control API reads it.
func (f Fault) MarshalJSON() ([]byte, error) {
	return json.Marshal(faultJSON{(*plainFault)(&f), duration(f.Delay), duration(f.DelayAfter)})
}

// UnmarshalJSON reads a fault; durations are "2s" or a number of seconds.
func (f *Fault) UnmarshalJSON(b []byte) error {
	j := faultJSON{plainFault: (*plainFault)(f)}
	if err := plain.Strict(b, &j); err != nil {
		return err
	}
	f.Delay, f.DelayAfter = time.Duration(j.Delay), time.Duration(j.DelayAfter)
	return nil
}

type deliveryFaultJSON struct {
	*plainDeliveryFault
	Delay duration `json:"delay,omitempty"`
}

// MarshalJSON writes the fault as the control API reads it.
func (f DeliveryFault) MarshalJSON() ([]byte, error) {
	return json.Marshal(deliveryFaultJSON{(*plainDeliveryFault)(&f), duration(f.Delay)})
}

// UnmarshalJSON reads a fault; durations are "2s" or a number of seconds.
func (f *DeliveryFault) UnmarshalJSON(b []byte) error {
	j := deliveryFaultJSON{plainDeliveryFault: (*plainDeliveryFault)(f)}
	if err := plain.Strict(b, &j); err != nil {
		return err
	}
	f.Delay = time.Duration(j.Delay)
	return nil
}

// MarshalJSON writes the duration as text.
func (r Request) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		*plainRequest
		Duration duration `json:"duration"`
	}{(*plainRequest)(&r), duration(r.Duration)})
}

// MarshalJSON writes the configuration as a file has it, without secrets: those of the
// clients, the users' passwords, and Registration.
func (c Config) MarshalJSON() ([]byte, error) {
	retries := make([]duration, 0, len(c.DeliveryRetries))
	for _, d := range c.DeliveryRetries {
		retries = append(retries, duration(d))
	}
	users := make([]User, 0, len(c.Users))
	for _, u := range c.Users {
		u.Password = ""
		users = append(users, u)
	}
	d := func(v time.Duration) *duration { x := duration(v); return &x }
	return json.Marshal(configJSON{Issuer: &c.Issuer, Clients: &c.Clients, Users: &users, APIs: &c.APIs,
		IdleWindow: d(c.IdleWindow), AbsoluteLifetime: d(c.AbsoluteLifetime),
		CoordinateClientLifetimes:               &c.CoordinateClientLifetimes,
		ExpiredSessionsTriggerBackchannelLogout: &c.ExpiredSessionsTriggerBackchannelLogout,
		Policies:                                &c.Policies, Temperament: &c.Temperament,
		PKCEOptional: &c.PKCEOptional, AccessTokenTyp: &c.AccessTokenTyp,
		SigningAlg: &c.SigningAlg, IDTokenLifetime: d(c.IDTokenLifetime), CodeLifetime: d(c.CodeLifetime),
		RefreshExpiresIn:    &c.RefreshExpiresIn,
		RefreshTokenTimeout: &c.RefreshTokenTimeout, SessionExpiry: &c.SessionExpiry, SIDPerClient: &c.SIDPerClient,
		SIDOnlyIfRequired: &c.SIDOnlyIfRequired, RefreshReuseGrace: d(c.RefreshReuseGrace), ACRValues: &c.ACRValues,
		RequireJAR: &c.RequireJAR, RequirePAR: &c.RequirePAR,
		RequestURI: &c.RequestURI, RequireRequestURIRegistration: &c.RequireRequestURIRegistration,
		MTLSOrigin: &c.MTLSOrigin, DPoPNonce: &c.DPoPNonce, SweepEvery: d(c.SweepEvery),
		DeliveryTimeout: d(c.DeliveryTimeout), DeliveryRetries: &retries, LogoutWait: d(c.LogoutWait)})
}
