package idpmock

import (
	"fmt"
	"maps"
	"slices"
)

// NamedFault returns a fault of the catalogue: the refresh outcomes RT-01 to
// RT-15 of the project's checklist, and the modules of the OpenID Foundation's
// conformance suites that test a client by a bad answer. Client, Times and Skip
// are left to the caller. Modules that spoil logout tokens are in
// [NamedDeliveryFault].
func NamedFault(name string) (Fault, error) {
	if f, ok := namedFaults[name]; ok {
		return f, nil
	}
	return Fault{}, fmt.Errorf("idpmock: fault: %q is unknown; see FaultNames", name)
}

// FaultNames lists the names that [NamedFault] knows, sorted.
func FaultNames() []string { return slices.Sorted(maps.Keys(namedFaults)) }

// NamedDeliveryFault returns the fault of a conformance module that spoils
// logout tokens.
func NamedDeliveryFault(name string) (DeliveryFault, error) {
	if f, ok := namedDeliveryFaults[name]; ok {
		return f, nil
	}
	return DeliveryFault{}, fmt.Errorf("idpmock: delivery fault: %q is unknown; see DeliveryFaultNames", name)
}

// DeliveryFaultNames lists the names that [NamedDeliveryFault] knows, sorted.
func DeliveryFaultNames() []string { return slices.Sorted(maps.Keys(namedDeliveryFaults)) }

const (
	basic  = "oidcc-client-test-"
	logout = "oidcc-client-test-rp-"
	fapi   = "fapi2-security-profile-final-client-test-"
)

var namedFaults = map[string]Fault{
	"RT-01":                         {Endpoint: EndpointRefresh, Error: "invalid_grant"},
	"RT-02":                         {Endpoint: EndpointRefresh, Status: 401, Error: "invalid_client"},
	"RT-02-400":                     {Endpoint: EndpointRefresh, Error: "invalid_client"},
	"RT-03":                         {Endpoint: EndpointRefresh, Error: "unauthorized_client"},
	"RT-03-unsupported_grant_type":  {Endpoint: EndpointRefresh, Error: "unsupported_grant_type"},
	"RT-03-invalid_request":         {Endpoint: EndpointRefresh, Error: "invalid_request"},
	"RT-04":                         {Endpoint: EndpointRefresh, Error: "invalid_scope"},
	"RT-05":                         {Endpoint: EndpointRefresh, Status: 503, RetryAfter: "2"},
	"RT-05-temporarily_unavailable": {Endpoint: EndpointRefresh, Error: "temporarily_unavailable"},
	"RT-05-server_error":            {Endpoint: EndpointRefresh, Error: "server_error"},
	"RT-05-html": {Endpoint: EndpointRefresh, Status: 502, Body: "<html>Bad Gateway</html>",
		ContentType: "text/html"},
	"RT-06": {Endpoint: EndpointRefresh, Status: 429, RetryAfter: "2"},
	"RT-07": {Endpoint: EndpointRefresh, DropBefore: true},
	"RT-08": {Endpoint: EndpointRefresh, DropAfterCommit: true},
	"RT-09": {Endpoint: EndpointRefresh, Body: "<html>Welcome to the wireless network</html>",
		ContentType: "text/html"},
	"RT-09-no-access-token": {Endpoint: EndpointRefresh, Response: ResponseNoAccessToken},
	"RT-09-no-token-type":   {Endpoint: EndpointRefresh, Response: ResponseNoTokenType},
	"RT-09-truncated":       {Endpoint: EndpointRefresh, Response: ResponseTruncated},
	"RT-10":                 {Endpoint: EndpointRefresh, IDToken: IDTokenInvalidSig},
	"RT-11":                 {Endpoint: EndpointRefresh, Response: ResponseNoRefreshToken},
	"RT-11-no-expires-in":   {Endpoint: EndpointRefresh, Response: ResponseNoExpiresIn},
	"RT-11-token-type-case": {Endpoint: EndpointRefresh, Response: ResponseTokenTypeCase},
	"RT-12": {Endpoint: EndpointRefresh, Error: "use_dpop_nonce",
		Header: map[string]string{"DPoP-Nonce": "a-fresh-nonce"}},
	"RT-13":                {Endpoint: EndpointRefresh, Error: "interaction_required"},
	"RT-13-login_required": {Endpoint: EndpointRefresh, Error: "login_required"},
	"RT-14":                {Endpoint: EndpointRefresh, Error: "something_new"},
	"RT-15": {Endpoint: EndpointRefresh, Status: 302,
		Header: map[string]string{"Location": "https://elsewhere.invalid/token"}},

	basic + "invalid-iss":            idTokenFault(IDTokenInvalidIss),
	basic + "invalid-aud":            idTokenFault(IDTokenInvalidAud),
	basic + "missing-aud":            idTokenFault(IDTokenMissingAud),
	basic + "missing-sub":            idTokenFault(IDTokenMissingSub),
	basic + "missing-iat":            idTokenFault(IDTokenMissingIat),
	basic + "kid-absent-single-jwks": idTokenFault(IDTokenMissingKid),
	// after RotateKeys(true)
	basic + "kid-absent-multiple-jwks":                 idTokenFault(IDTokenMissingKid),
	basic + "idtoken-sig-none":                         idTokenFault(IDTokenSigNone),
	basic + "invalid-sig-rs256":                        idTokenFault(IDTokenInvalidSig),
	basic + "invalid-sig-es256":                        idTokenFault(IDTokenInvalidSig),
	basic + "invalid-sig-hs256":                        idTokenFault(IDTokenSigHS256),
	basic + "invalid-athash":                           idTokenFault(IDTokenInvalidAtHash),
	basic + "missing-athash":                           idTokenFault(IDTokenMissingAtHash),
	basic + "invalid-chash":                            idTokenFault(IDTokenInvalidCHash),
	basic + "nonce-invalid":                            idTokenFault(IDTokenInvalidNonce),
	basic + "signing-key-rotation-just-before-signing": idTokenFault(IDTokenRotatedKey),
	basic + "userinfo-invalid-sub": {Endpoint: EndpointUserinfo,
		Response: ResponseWrongSub},
	basic + "discovery-issuer-mismatch": {Endpoint: EndpointDiscovery,
		Response: ResponseIssuerMismatch},
	basic + "refresh-token-invalid-issuer": {Endpoint: EndpointRefresh,
		IDToken: IDTokenInvalidIss},
	basic + "refresh-token-invalid-sub": {Endpoint: EndpointRefresh,
		IDToken: IDTokenInvalidSub},
	basic + "form-post-error": {Endpoint: EndpointCallback,
		Error: "server_error"},
	logout + "init-logout-other-state": {Endpoint: EndpointCallback,
		Response: RedirectOtherState},
	logout + "init-logout-no-state": {Endpoint: EndpointCallback,
		Response: RedirectNoState},
	fapi + "invalid-authorization-response-iss": {Endpoint: EndpointCallback,
		Response: RedirectOtherIss},
	fapi + "remove-authorization-response-iss": {Endpoint: EndpointCallback,
		Response: RedirectNoIss},
	fapi + "ensure-authorization-response-with-invalid-state-fails": {Endpoint: EndpointCallback,
		Response: RedirectOtherState},
	fapi + "ensure-authorization-response-with-invalid-missing-state-fails": {Endpoint: EndpointCallback,
		Response: RedirectNoState},
	fapi + "invalid-iss":                                idTokenFault(IDTokenInvalidIss),
	fapi + "invalid-aud":                                idTokenFault(IDTokenInvalidAud),
	fapi + "invalid-nonce":                              idTokenFault(IDTokenInvalidNonce),
	fapi + "invalid-expired-exp":                        idTokenFault(IDTokenExpired),
	fapi + "invalid-missing-exp":                        idTokenFault(IDTokenMissingExp),
	fapi + "invalid-missing-iss":                        idTokenFault(IDTokenMissingIss),
	fapi + "invalid-missing-aud":                        idTokenFault(IDTokenMissingAud),
	fapi + "invalid-missing-nonce":                      idTokenFault(IDTokenMissingNonce),
	fapi + "invalid-null-alg":                           idTokenFault(IDTokenSigNone),
	fapi + "invalid-alternate-alg":                      idTokenFault(IDTokenAlternateAlg),
	fapi + "invalid-secondary-aud":                      idTokenFault(IDTokenSecondaryAud),
	fapi + "valid-aud-as-array":                         idTokenFault(IDTokenAudArray),
	fapi + "token-type-case-insensitivity":              {Endpoint: EndpointCode, Response: ResponseTokenTypeCase},
	fapi + "token-endpoint-response-without-expires_in": {Endpoint: EndpointCode, Response: ResponseNoExpiresIn},
}

func idTokenFault(f IDTokenFault) Fault { return Fault{Endpoint: EndpointCode, IDToken: f} }

var namedDeliveryFaults = map[string]DeliveryFault{
	logout + "backchannel-rpinitlogout-alg-none":    {Token: LogoutAlgNone},
	logout + "backchannel-rpinitlogout-wrong-alg":   {Token: LogoutWrongAlg},
	logout + "backchannel-rpinitlogout-wrong-iss":   {Token: LogoutWrongIss},
	logout + "backchannel-rpinitlogout-wrong-aud":   {Token: LogoutWrongAud},
	logout + "backchannel-rpinitlogout-no-event":    {Token: LogoutNoEvent},
	logout + "backchannel-rpinitlogout-wrong-event": {Token: LogoutWrongEvent},
	logout + "backchannel-rpinitlogout-with-nonce":  {Token: LogoutWithNonce},
}
