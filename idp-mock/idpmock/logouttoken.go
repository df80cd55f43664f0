package idpmock

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/internal/jws"
)

const (
	// logoutTokenLifetime is the most that OpenID Connect Back-Channel Logout
	// 1.0 §4 recommends.
	logoutTokenLifetime = 2 * time.Minute
	logoutEvent         = "http://schemas.openid.net/event/backchannel-logout"
)

// LogoutFault names a way to spoil logout tokens.
type LogoutFault string

// The faults of logout tokens: first those of the OpenID Foundation's conformance suite
// (oidcc-client-test-rp-backchannel-rpinitlogout-…), then those that no module of it covers.
// [LogoutFault.Verdict] says what a client should do with each.
const (
	LogoutAlgNone    LogoutFault = "alg-none"
	LogoutWrongAlg   LogoutFault = "wrong-alg" // ES256 if RS256 is expected, otherwise RS256; with a published key
	LogoutWrongIss   LogoutFault = "wrong-iss"
	LogoutWrongAud   LogoutFault = "wrong-aud"
	LogoutNoEvent    LogoutFault = "no-event"
	LogoutWrongEvent LogoutFault = "wrong-event"
	LogoutWithNonce  LogoutFault = "with-nonce"

	LogoutNullNonce        LogoutFault = "null-nonce"
	LogoutNoExp            LogoutFault = "no-exp"   // usual before errata 1 of the specification
	LogoutLongExp          LogoutFault = "long-exp" // 15 minutes, as ZITADEL sends
	LogoutExpired          LogoutFault = "expired"  // five minutes ago
	LogoutNoIat            LogoutFault = "no-iat"
	LogoutFutureIat        LogoutFault = "future-iat" // in ten minutes
	LogoutOldIat           LogoutFault = "old-iat"    // an hour old, without exp
	LogoutNoJti            LogoutFault = "no-jti"
	LogoutFixedJti         LogoutFault = "fixed-jti" // the same jti in every token, as in a replay
	LogoutNoTyp            LogoutFault = "no-typ"
	LogoutTypJWT           LogoutFault = "typ-jwt"
	LogoutTypApplication   LogoutFault = "typ-application" // application/logout+jwt
	LogoutTypAccessToken   LogoutFault = "typ-at-jwt"
	LogoutTypSecurityEvent LogoutFault = "typ-secevent-jwt"
	LogoutSidOnly          LogoutFault = "sid-only"
	LogoutSubOnly          LogoutFault = "sub-only"
	LogoutNoSubNoSid       LogoutFault = "no-sub-no-sid"
	LogoutEmptySubEmptySid LogoutFault = "empty-sub-empty-sid"
	LogoutNumericSid       LogoutFault = "numeric-sid"
	LogoutOtherSub         LogoutFault = "other-sub"   // sid of this session, sub of another person
	LogoutUnknownSid       LogoutFault = "unknown-sid" // sid alone, of no session
	LogoutUnknownSub       LogoutFault = "unknown-sub" // sub alone, of no person
	LogoutNoIss            LogoutFault = "no-iss"
	LogoutNoAud            LogoutFault = "no-aud"
	LogoutAudArray         LogoutFault = "aud-array"
	LogoutExtraAud         LogoutFault = "extra-aud"
	LogoutEventsNotObject  LogoutFault = "events-not-object"
	LogoutEventNotObject   LogoutFault = "event-not-object"
	LogoutExtraEvent       LogoutFault = "extra-event" // with Keycloak's revoke_offline_access: true
	LogoutExtraClaim       LogoutFault = "extra-claim"
	LogoutUnknownKid       LogoutFault = "unknown-kid" // of a key that the JWKS does not have
	LogoutNoKid            LogoutFault = "no-kid"
	LogoutEmbeddedKey      LogoutFault = "embedded-jwk" // signed with a key in its own header
	LogoutRotatedKey       LogoutFault = "rotated-key"  // signed with a new key, which is in the JWKS
	LogoutBadSignature     LogoutFault = "bad-signature"
	LogoutHS256            LogoutFault = "hs256" // with the client's secret
	LogoutIsIDToken        LogoutFault = "is-id-token"
	LogoutNotAJWT          LogoutFault = "not-a-jwt"
	LogoutHuge             LogoutFault = "huge" // 300 KiB

	// What real providers send.
	LogoutLikeHydra       LogoutFault = "like-hydra"        // typ JWT, no sub, no exp, aud array
	LogoutLikeDex         LogoutFault = "like-dex"          // no typ
	LogoutLikeZitadel     LogoutFault = "like-zitadel"      // typ JWT, 15 minutes
	LogoutLikeOldKeycloak LogoutFault = "like-old-keycloak" // no exp, and a boolean event besides the real one
)

// Verdict is what a client should make of a spoilt token.
type Verdict string

// The verdicts.
const (
	Accept  Verdict = "accept"
	Reject  Verdict = "reject"
	Depends Verdict = "depends" // on how strict the client is
)

// Verdict of the fault by the specifications and standards.md A.
func (f LogoutFault) Verdict() Verdict {
	switch f {
	case "", LogoutLongExp, LogoutTypApplication, LogoutSidOnly, LogoutSubOnly, LogoutUnknownSid, LogoutUnknownSub,
		LogoutAudArray, LogoutExtraEvent,
		LogoutExtraClaim, LogoutRotatedKey:
		return Accept
	case LogoutNoExp, LogoutNoTyp, LogoutTypJWT, LogoutFixedJti, LogoutNoKid, LogoutLikeHydra, LogoutLikeDex,
		LogoutLikeZitadel, LogoutLikeOldKeycloak:
		return Depends
	}
	return Reject
}

// LogoutFaults lists them all, sorted by name.
func LogoutFaults() []LogoutFault { return slices.Sorted(maps.Keys(logoutFaults)) }

var logoutFaults = map[LogoutFault]func(*IDP, *jwt){
	LogoutAlgNone:    func(_ *IDP, t *jwt) { t.sign = unsigned },
	LogoutWrongAlg:   func(_ *IDP, t *jwt) { t.alg = jws.OtherAlg(t.alg) },
	LogoutWrongIss:   func(_ *IDP, t *jwt) { t.claims["iss"] = t.claims["iss"].(string) + "INVALID" },
	LogoutWrongAud:   func(_ *IDP, t *jwt) { t.claims["aud"] = t.client.ID + "INVALID" },
	LogoutNoEvent:    without("events"),
	LogoutWrongEvent: set("events", map[string]any{"http://schemas.openid.net/event/foobar": struct{}{}}),
	LogoutWithNonce:  set("nonce", "n-0S6_WzA2Mj"),

	LogoutNullNonce:        set("nonce", nil),
	LogoutNoExp:            without("exp"),
	LogoutLongExp:          func(_ *IDP, t *jwt) { t.extend(15 * time.Minute) },
	LogoutExpired:          func(_ *IDP, t *jwt) { t.at("iat", -7*time.Minute); t.extend(-5 * time.Minute) },
	LogoutNoIat:            without("iat"),
	LogoutFutureIat:        func(_ *IDP, t *jwt) { t.at("iat", 10*time.Minute); t.extend(12 * time.Minute) },
	LogoutOldIat:           func(_ *IDP, t *jwt) { t.at("iat", -time.Hour); delete(t.claims, "exp") },
	LogoutNoJti:            without("jti"),
	LogoutFixedJti:         set("jti", "always-the-same"),
	LogoutNoTyp:            func(_ *IDP, t *jwt) { t.typ = "" },
	LogoutTypJWT:           func(_ *IDP, t *jwt) { t.typ = "JWT" },
	LogoutTypApplication:   func(_ *IDP, t *jwt) { t.typ = "application/logout+jwt" },
	LogoutTypAccessToken:   func(_ *IDP, t *jwt) { t.typ = "at+jwt" },
	LogoutTypSecurityEvent: func(_ *IDP, t *jwt) { t.typ = "secevent+jwt" },
	LogoutSidOnly:          without("sub"),
	LogoutSubOnly:          without("sid"),
	LogoutNoSubNoSid:       func(_ *IDP, t *jwt) { delete(t.claims, "sub"); delete(t.claims, "sid") },
	LogoutEmptySubEmptySid: func(_ *IDP, t *jwt) { t.claims["sub"], t.claims["sid"] = "", "" },
	LogoutNumericSid:       set("sid", 42),
	LogoutOtherSub:         func(_ *IDP, t *jwt) { t.claims["sub"] = "somebody-else" },
	LogoutUnknownSid:       func(_ *IDP, t *jwt) { delete(t.claims, "sub"); t.claims["sid"] = newSecret() },
	LogoutUnknownSub:       func(_ *IDP, t *jwt) { delete(t.claims, "sid"); t.claims["sub"] = "nobody" },
	LogoutNoIss:            without("iss"),
	LogoutNoAud:            without("aud"),
	LogoutAudArray:         func(_ *IDP, t *jwt) { t.claims["aud"] = []string{t.client.ID} },
	LogoutExtraAud:         func(_ *IDP, t *jwt) { t.claims["aud"] = []string{t.client.ID, "somebody-else"} },
	LogoutEventsNotObject:  set("events", []string{logoutEvent}),
	LogoutEventNotObject:   set("events", map[string]any{logoutEvent: true}),
	LogoutExtraEvent:       set("events", map[string]any{logoutEvent: struct{}{}, "revoke_offline_access": true}),
	LogoutExtraClaim:       set("logout_reason", "idle"),
	LogoutUnknownKid:       func(p *IDP, t *jwt) { t.sign = p.hiddenSignature },
	LogoutNoKid:            func(p *IDP, t *jwt) { t.sign = p.withoutKid },
	LogoutEmbeddedKey:      func(p *IDP, t *jwt) { t.sign = p.embeddedKey },
	LogoutRotatedKey:       func(p *IDP, t *jwt) { t.sign = p.rotatedSignature },
	LogoutBadSignature:     func(p *IDP, t *jwt) { t.sign = p.brokenSignature },
	LogoutHS256:            func(_ *IDP, t *jwt) { t.sign = signedWithSecret },
	LogoutIsIDToken: func(_ *IDP, t *jwt) {
		t.typ = "JWT"
		delete(t.claims, "events")
		t.claims["nonce"], t.claims["auth_time"] = "n-0S6_WzA2Mj", t.now.Unix()
	},
	LogoutLikeHydra: func(_ *IDP, t *jwt) {
		t.typ, t.claims["aud"] = "JWT", []string{t.client.ID}
		delete(t.claims, "sub")
		delete(t.claims, "exp")
	},
	LogoutLikeDex:     func(_ *IDP, t *jwt) { t.typ = "" },
	LogoutLikeZitadel: func(_ *IDP, t *jwt) { t.typ = "JWT"; t.extend(15 * time.Minute) },
	LogoutLikeOldKeycloak: func(_ *IDP, t *jwt) {
		delete(t.claims, "exp")
		t.claims["events"] = map[string]any{logoutEvent: struct{}{}, "revoke_offline_access": true}
	},
	LogoutNotAJWT: func(_ *IDP, t *jwt) { t.sign = func(*jwt) (string, error) { return "not-a-jwt", nil } },
	LogoutHuge:    func(_ *IDP, t *jwt) { t.claims["padding"] = string(make([]byte, 50<<10)) }, // 6 bytes of JSON each
}

func set(claim string, v any) func(*IDP, *jwt) {
	return func(_ *IDP, t *jwt) { t.claims[claim] = v }
}

func (t *jwt) at(claim string, d time.Duration) { t.claims[claim] = t.now.Add(d).Unix() }

func (p *IDP) embeddedKey(t *jwt) (string, error) {
	key, err := p.keys.hiddenKey(t.alg)
	if err != nil {
		return "", err
	}
	return jws.SignEmbedded(t.alg, key, t.typ, t.claims)
}

// logoutToken makes a logout token (OpenID Connect Back-Channel Logout 1.0
// §2.4), changed by the temperament and spoilt in order by the faults.
func (p *IDP) logoutToken(cfg *settings, now time.Time, client, sub, sid string, cause Cause,
	spoilt ...LogoutFault) (string, error) {
	c := cfg.clients[client]
	if c == nil {
		return "", fmt.Errorf("%w: %q", ErrUnknownClient, client)
	}
	until := now.Add(or(cfg.Temperament.LogoutTokenLifetime, logoutTokenLifetime))
	t := &jwt{typ: "logout+jwt", alg: cfg.SigningAlg, client: c, now: now, claims: map[string]any{
		"iss": cfg.Issuer, "aud": c.ID, "iat": now.Unix(), "exp": until.Unix(), "jti": newSecret(),
		"events": map[string]any{logoutEvent: struct{}{}},
	}}
	if sub != "" {
		t.claims["sub"] = sub
	}
	if sid != "" {
		t.claims["sid"] = sid
	}
	if cause != "" && !cfg.Temperament.NoLogoutReason {
		t.claims["logout_reason"] = string(cause) // as Duende does; no specification names it
	}
	for _, f := range cfg.Temperament.LogoutToken {
		logoutFaults[f](p, t)
	}
	for _, f := range spoilt {
		spoil := logoutFaults[f]
		if spoil == nil {
			if f == "" {
				continue
			}
			return "", fmt.Errorf("idpmock: LogoutFault: %q is unknown; see LogoutFaults", f)
		}
		spoil(p, t)
	}
	return p.finish(t)
}

// LogoutToken returns a logout token for a client of a session, which may have
// ended, spoilt by the faults. Nothing ends and nothing is sent; see [IDP.Deliver].
func (p *IDP) LogoutToken(client string, s Session, faults ...LogoutFault) (string, error) {
	sid := s.SID
	if c, ok := s.Client(client); ok {
		sid = c.SID
	}
	return p.logoutToken(p.settings(), p.Now(), client, s.Subject, sid, "", faults...)
}

// Deliver posts any text as logout_token to a client's back-channel URI, once,
// and returns the status of the answer.
func (p *IDP) Deliver(ctx context.Context, client, token string) (status int, err error) {
	cfg := p.settings()
	c := cfg.clients[client]
	if c == nil {
		return 0, fmt.Errorf("%w: %q", ErrUnknownClient, client)
	}
	if c.BackchannelLogoutURI == "" {
		return 0, fmt.Errorf("idpmock: client %q has no BackchannelLogoutURI", client)
	}
	return p.post(ctx, cfg, c.BackchannelLogoutURI, token)
}
