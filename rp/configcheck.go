package rp

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/idps"
	"github.com/tandem-sso/tandem/rp/internal/authrequest"
	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/seal"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

const (
	maxSkew  = 5 * time.Minute
	maxLogin = engine.Remember / 2
)

// withDefaults returns the complete configuration, or every fault in it at once.
func (c Config) withDefaults() (Config, error) {
	var faults []error
	fault := func(field, cure string, args ...any) { faults = append(faults, wrong(field, cure, args...)) }

	if c.Issuer == "" {
		fault("Issuer", "is empty; set it to the issuer identifier of the IdP, such as https://login.example.com")
	} else if err := weburl.CheckPlain(c.Issuer, c.InsecureAllowHTTP); err != nil {
		fault("Issuer", "%v", err)
	}
	if c.ClientID == "" {
		fault("ClientID", "is empty; set it to the id under which the IdP knows this app")
	}
	c.applyProfile(fault)
	c.checkClient(fault)
	if c.BaseURL == "" {
		fault("BaseURL", "is empty; set it to scheme and host of this app as browsers see it, such as "+
			"https://notes.example.com")
	} else if err := site.CheckBase(c.BaseURL, c.InsecureAllowHTTP); err != nil {
		fault("BaseURL", "%v", err)
	}
	c.BaseURL = strings.TrimSuffix(c.BaseURL, "/")
	c.BaseURLs = slices.Clone(c.BaseURLs)
	for i, further := range c.BaseURLs {
		if err := site.CheckFurther(further, c.BaseURL, c.InsecureAllowHTTP); err != nil {
			fault("BaseURLs", "%v", err)
		}
		c.BaseURLs[i] = strings.TrimSuffix(further, "/")
	}
	if c.Kind > NoToken {
		fault("Kind", "is %d; use rp.RefreshToken, rp.ReferenceToken or rp.NoToken", c.Kind)
	}
	if len(c.Keys) == 0 {
		fault("Keys", "is empty; give at least one key of 32 random bytes (rp.ParseKeys reads hexadecimal, rp.NewKey "+
			"makes one for a try)")
	}
	for i, k := range c.Keys {
		switch {
		case len(k) != seal.KeySize:
			fault("Keys", "key %d has %d bytes, needs %d", i+1, len(k), seal.KeySize)
		case bytes.Count(k, []byte{0}) == len(k): // somebody made room for a key and forgot it
			fault("Keys", "key %d is all zeros; use random bytes (openssl rand -hex 32)", i+1)
		}
	}
	if c.Store == nil {
		fault("Store", "is nil; memstore.New for tests, boltstore.Open for one process, redisstore.New or "+
			"pgstore.New for several")
	}

	c.Prefix = "/" + strings.Trim(orElse(c.Prefix, "/auth"), "/")
	if !site.IsPlainPath(c.Prefix) {
		fault("Prefix", "is %q; use a plain path such as /auth", c.Prefix)
	}
	if len(c.Scopes) == 0 {
		c.Scopes = []string{"openid"}
	}
	if !slices.Contains(c.Scopes, "openid") {
		fault("Scopes", "lacks \"openid\"; without it there is no ID token")
	}
	for name := range c.LoginParams {
		if slices.Contains(authrequest.Own, name) || name == "" {
			fault("LoginParams", "has %q, which the library sets itself", name)
		}
	}
	for _, name := range c.LoginQuery {
		if slices.Contains(authrequest.Own, name) || name == "" || slices.Contains(loginQuery, name) {
			fault("LoginQuery", "has %q, which the library uses itself", name)
		}
	}
	if !slices.Contains([]string{"", "query", idp.FormPost, idp.JWT, idp.QueryJWT, idp.FormPostJWT}, c.ResponseMode) {
		fault("ResponseMode", "is %q; use query, form_post, jwt, query.jwt or form_post.jwt", c.ResponseMode)
	}
	c.Logout.check(c.InsecureAllowHTTP, fault)
	c.checkAPIs(fault)
	c.pageSet(nil).Check(func(cure string, args ...any) { fault("Pages", cure, args...) })
	for _, o := range c.TrustedOrigins {
		if err := weburl.CheckOrigin(o, c.InsecureAllowHTTP); err != nil {
			fault("TrustedOrigins", "%v", err)
		}
	}

	for _, d := range []struct {
		field  string
		value  *time.Duration
		preset time.Duration
	}{
		{"TrustFor", &c.TrustFor, 5 * time.Minute},
		{"Absolute", &c.Absolute, 8 * time.Hour},
		{"Skew", &c.Skew, time.Minute},
		{"LoginTimeout", &c.LoginTimeout, 15 * time.Minute},
		{"RequestTimeout", &c.RequestTimeout, 30 * time.Second},
		{"WaitFor", &c.WaitFor, 15 * time.Second},
		{"SignalEvery", &c.SignalEvery, 0},
		{"IdPWindow", &c.IdPWindow, 0},
		{"Idle", &c.Idle, 0},
		{"MaxAge", &c.MaxAge, 0},
		{"MassLogoutPause", &c.MassLogoutPause, 0},
	} {
		switch {
		case *d.value == 0:
			*d.value = d.preset
		case *d.value < 0 && d.field != "Absolute":
			fault(d.field, "is negative; use a positive duration, or 0 for the default")
		}
	}
	if c.Absolute < 0 {
		c.Absolute = 0
	}
	if c.Skew > maxSkew {
		fault("Skew", "is %v; more than %v would accept tokens long after their end", c.Skew, maxSkew)
	}
	if c.MaxAge > 0 && c.MaxAge < time.Second { // max_age is in seconds, and 0 asks for the password each time
		fault("MaxAge", "is %v; use at least 1 s, or 0 not to ask for it", c.MaxAge)
	}
	if c.LoginTimeout > maxLogin { // C5: an end has to be remembered for as long as a log-in may take
		fault("LoginTimeout", "is %v; use at most %v", c.LoginTimeout, maxLogin)
	}
	if c.IdPWindow > 0 && c.SignalEvery >= c.IdPWindow {
		fault("SignalEvery", "is %v, not less than IdPWindow (%v): active people would be logged out between two "+
			"signals; use a fifth of IdPWindow", c.SignalEvery, c.IdPWindow)
	}
	if c.Capabilities == nil {
		guess := idps.Guess(c.Issuer)
		c.Capabilities = &guess
	}
	if c.UserinfoAgain && !c.UserinfoClaims {
		fault("UserinfoAgain", "needs UserinfoClaims")
	}
	if c.UserinfoAgain && c.Kind == NoToken {
		fault("UserinfoAgain", "needs a token after the log-in, and Kind %v keeps none; set Kind to rp.RefreshToken "+
			"or rp.ReferenceToken, or leave this unset", c.Kind)
	}
	if c.APIIntrospects && c.Kind == NoToken {
		fault("APIIntrospects", "needs an access token, and Kind rp.NoToken keeps none; set another Kind, or leave "+
			"this unset")
	}

	if c.MaxCalls == 0 {
		c.MaxCalls = 64
	}
	if c.MaxCalls < 0 {
		fault("MaxCalls", "is negative; use a positive number, or 0 for the default")
	}
	if c.MaxStreams == 0 {
		c.MaxStreams = 20_000
	}
	if c.MaxStreamsPerSession == 0 {
		c.MaxStreamsPerSession = 8
	}
	if c.MaxStreamsPerSubject == 0 {
		c.MaxStreamsPerSubject = 64
	}
	if c.MaxStreamsPerSession < 0 {
		fault("MaxStreamsPerSession", "is negative; use a positive number, or 0 for the default (MaxStreams negative "+
			"turns streams off)")
	}
	if c.MaxStreamsPerSubject < 0 {
		fault("MaxStreamsPerSubject", "is negative; use a positive number, or 0 for the default (MaxStreams negative "+
			"turns streams off)")
	}
	if c.MaxSessionsPerSubject < 0 {
		fault("MaxSessionsPerSubject", "is negative; use a positive number, or 0 for no limit")
	}

	c.IDTokenAlg = orElse(c.IDTokenAlg, "RS256")
	if !slices.Contains(signatureAlgs, c.IDTokenAlg) {
		fault("IDTokenAlg", "is %q; use one of %s", c.IDTokenAlg, strings.Join(signatureAlgs, ", "))
	}
	if name, err := cookie.Name(c.CookieName, site.PathOf(c.BaseURL), c.isOpen()); err != nil {
		fault("CookieName", "%v", err)
	} else {
		c.CookieName = name
	}
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c, errors.Join(faults...)
}

// loginQuery are the names in the query of the log-in's address that have a meaning already.
var loginQuery = []string{"return_to", "silent", "anew", "again", "wish", "fragment", "sent_user", "iss",
	"target_link_uri"}

// Symmetric algorithms are left out: the client secret would sign for the IdP.
var signatureAlgs = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

func orElse(s, preset string) string {
	if s == "" {
		return preset
	}
	return s
}
