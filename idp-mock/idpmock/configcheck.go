package idpmock

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

func or[T comparable](v, fallback T) T {
	var zero T
	if v == zero {
		return fallback
	}
	return v
}

// copied is a copy that is never nil: in JSON it is a list.
func copied[T any](list []T) []T { return append([]T{}, list...) }

// withDefaults fills what is zero and reports every mistake at once.
func (c Config) withDefaults() (Config, error) {
	var errs []error
	bad := func(format string, a ...any) { errs = append(errs, fmt.Errorf("idpmock: "+format, a...)) }

	c.IdleWindow = or(c.IdleWindow, DefaultIdleWindow)
	c.AbsoluteLifetime = or(c.AbsoluteLifetime, DefaultAbsoluteLifetime)
	c.IDTokenLifetime = or(c.IDTokenLifetime, DefaultIDTokenLifetime)
	c.CodeLifetime = or(c.CodeLifetime, DefaultCodeLifetime)
	c.SweepEvery = or(c.SweepEvery, DefaultSweepEvery)
	c.DeliveryTimeout = or(c.DeliveryTimeout, DefaultDeliveryTimeout)
	c.LogoutWait = or(c.LogoutWait, DefaultLogoutWait)
	c.SigningAlg = or(c.SigningAlg, "RS256")
	c.AccessTokenTyp = or(c.AccessTokenTyp, "at+jwt")
	if c.DeliveryRetries == nil {
		c.DeliveryRetries = []time.Duration{time.Second, 5 * time.Second, 30 * time.Second}
	}
	if len(c.ACRValues) == 0 {
		c.ACRValues = []string{"1"}
	}
	if c.Now == nil {
		c.Now = time.Now
	}

	u, err := url.Parse(c.Issuer)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" ||
		u.Fragment != "" || strings.HasSuffix(c.Issuer, "/") {
		bad("Config.Issuer: %q is no http(s) URL without query, fragment and trailing slash", c.Issuer)
	}
	if !slices.Contains(signingAlgs, c.SigningAlg) {
		bad("Config.SigningAlg: %q is none of %v", c.SigningAlg, signingAlgs)
	}
	if c.AccessTokenTyp != "at+jwt" && c.AccessTokenTyp != "JWT" {
		bad("Config.AccessTokenTyp: %q is neither at+jwt nor JWT", c.AccessTokenTyp)
	}
	for name, d := range map[string]time.Duration{"IdleWindow": c.IdleWindow, "AbsoluteLifetime": c.AbsoluteLifetime,
		"IDTokenLifetime": c.IDTokenLifetime, "CodeLifetime": c.CodeLifetime, "DeliveryTimeout": c.DeliveryTimeout} {
		if d < 0 {
			bad("Config.%s: %v is negative", name, d)
		}
	}

	if err := c.Temperament.check(); err != nil {
		errs = append(errs, err)
	}

	c.Clients = copied(c.Clients)
	seen := map[string]bool{}
	for i := range c.Clients {
		cl := &c.Clients[i]
		switch {
		case cl.ID == "":
			bad("Config.Clients[%d].ID: it is empty", i)
		case seen[cl.ID]:
			bad("Config.Clients[%d].ID: there is another client %q; give each an ID of its own", i, cl.ID)
		}
		seen[cl.ID] = true
		errs = append(errs, cl.complete(&c.Temperament)...)
	}
	c.APIs = copied(c.APIs)
	errs = append(errs, checkAPIs(c.APIs)...)
	c.Users = copied(c.Users)
	clear(seen)
	for i := range c.Users {
		us := &c.Users[i]
		us.Subject = or(us.Subject, us.Username)
		if us.Username == "" || seen[us.Username] {
			bad("Config.Users[%d].Username: %q is empty or taken", i, us.Username)
		}
		seen[us.Username] = true
	}
	return c, errors.Join(errs...)
}

// complete fills a client's defaults.
func (c *Client) complete(t *Temperament) (errs []error) {
	form := or(t.AccessToken, JWT)
	if len(c.Audience) > 0 {
		form = or(t.APIAccessToken, form)
	}
	c.AccessTokenType = or(c.AccessTokenType, form)
	c.AccessTokenLifetime = or(c.AccessTokenLifetime, DefaultAccessTokenLifetime)
	c.RefreshTokenLifetime = or(c.RefreshTokenLifetime, DefaultRefreshTokenLifetime)
	if c.AccessTokenType != JWT && c.AccessTokenType != Reference {
		errs = append(errs, fmt.Errorf("idpmock: Client %q: AccessTokenType: %q is neither %q nor %q", c.ID,
			c.AccessTokenType, JWT, Reference))
	}
	check := func(field, v string) {
		u, err := url.Parse(v)
		if err != nil || !u.IsAbs() || u.Fragment != "" {
			errs = append(errs, fmt.Errorf("idpmock: Client %q: %s: %q is no absolute URI without fragment", c.ID,
				field, v))
		}
	}
	for _, v := range c.RedirectURIs {
		check("RedirectURIs", v)
	}
	for _, v := range c.PostLogoutRedirectURIs {
		check("PostLogoutRedirectURIs", v)
	}
	for _, v := range c.RequestURIs {
		check("RequestURIs", v)
	}
	if len(c.JWKS) > 0 {
		var set jose.JSONWebKeySet
		if err := json.Unmarshal(c.JWKS, &set); err != nil || len(set.Keys) == 0 {
			errs = append(errs, fmt.Errorf("idpmock: Client %q: JWKS: no JSON key set with a key", c.ID))
		}
		for _, key := range set.Keys {
			if !key.IsPublic() {
				errs = append(errs, fmt.Errorf("idpmock: Client %q: JWKS: key %q is not public", c.ID, key.KeyID))
			}
		}
	}
	if c.BackchannelLogoutURI != "" {
		check("BackchannelLogoutURI", c.BackchannelLogoutURI) // BCL-01
	}
	if c.FrontchannelLogoutURI != "" {
		check("FrontchannelLogoutURI", c.FrontchannelLogoutURI) // FCL-01
	}
	return errs
}

func (c *Client) public() bool { return c.Secret == "" && len(c.JWKS) == 0 && c.TLSSubjectDN == "" }
