// Package registration registers an app at its IdP by a program: OpenID Connect Dynamic
// Client Registration 1.0 and RFC 7591. RFC 7592 is for later changes.
//
//	idp, err := registration.Discover(ctx, registration.Config{
//		Issuer: "https://login.example.com", InitialAccessToken: token,
//	})
//	client, err := idp.Register(ctx, registration.For(config)) // config is the app's rp.Config
//	kept, err := client.Save()                                 // keep it as you keep a secret
//
//	config.ClientID, config.ClientSecret = client.ID, client.Secret
//	auth, err := rp.New(ctx, config)
//
// It is for a program that sets an app up, or for an app that is installed at many IdPs.
// Do it once, not at each start: every registration makes another client. Several instances
// share one client, so only one of them, or a separate program, registers it.
//
// The package makes no request objects and does not serve a jwks_uri.
package registration
