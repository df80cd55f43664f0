package rp

import (
	"errors"
	"fmt"

	"github.com/tandem-sso/tandem/rp/internal/idp"
)

// newProvider knows nothing of the IdP yet.
func newProvider(c *Config) *idp.Provider {
	shows, _ := idp.ShowsCertificate(c.HTTPClient)
	return idp.NewProvider(idp.Config{
		Issuer: c.Issuer, ClientID: c.ClientID, Secret: string(c.ClientSecret), Method: c.ClientAuth,
		Keys: insideKeys(c.ClientKeys), Certificate: shows || idp.ByCertificate(c.ClientAuth),
		IDTokenAlg: c.IDTokenAlg, ResponseMode: c.ResponseMode, FAPI: c.Profile != "", PAR: c.PAR, JAR: c.JAR,
		RequestURI: c.RequestURI,
		DPoP:       c.DPoP, DecryptionKeys: insideKeys(c.DecryptionKeys), EndSessionURL: c.Logout.URL,
		NeedsUserinfo: c.UserinfoClaims, UserinfoByPost: c.Capabilities.UserinfoByPost,
		HTTP: c.HTTPClient, Around: c.IdPTransport, AllowHTTP: c.InsecureAllowHTTP, MaxCalls: c.MaxCalls,
		RequestTimeout: c.RequestTimeout,
		Skew:           c.Skew, Now: c.Now, Logger: c.Logger,
	})
}

// ofConfig turns what the IdP's room says of the configuration into a *ConfigError, or
// several joined.
func ofConfig(err error) error {
	var unfit idp.UnfitError
	if !errors.As(err, &unfit) {
		if err != nil {
			err = fmt.Errorf("rp: Config.Issuer: %w", err)
		}
		return err
	}
	all := make([]error, len(unfit))
	for i, m := range unfit {
		all[i] = &ConfigError{Field: m.Field, Cure: m.Cure}
	}
	if len(all) == 1 {
		return all[0]
	}
	return errors.Join(all...)
}
