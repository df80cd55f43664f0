// Package registration registers an app at its IdP by a program: OpenID Connect Dynamic
// Client Registration 1.0, RFC 7591 and, for what comes later, RFC 7592.
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
// Do it once, not at each start: every registration makes another client. Several
// instances share one client, so one of them, or something beside them, registers it.
//
// Request objects are not made here, and jwks_uri is not served.
package registration
