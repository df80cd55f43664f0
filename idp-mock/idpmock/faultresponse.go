package idpmock

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// ResponseFault names a change of a JSON answer. The provider has carried out the request.
type ResponseFault string

// The faults of answers. In brackets: a rule of docs/rules.md, or a module of the OpenID
// Foundation's conformance suite.
const (
	ResponseNotJSON        ResponseFault = "not-json"         // [RT-09] HTML with status 200
	ResponseTruncated      ResponseFault = "truncated"        // [RT-09] half of the JSON
	ResponseEmpty          ResponseFault = "empty"            // [RT-09]
	ResponseNoAccessToken  ResponseFault = "no-access-token"  // [RT-09]
	ResponseNoTokenType    ResponseFault = "no-token-type"    // [RT-09]
	ResponseNoRefreshToken ResponseFault = "no-refresh-token" // [RT-11] the old one stays valid
	ResponseNoExpiresIn    ResponseFault = "no-expires-in"    // [RT-11]
	ResponseExpiresInText  ResponseFault = "expires-in-text"  // [RT-09] a number in quotation marks
	ResponseNoIDToken      ResponseFault = "no-id-token"      // [CORE-10]
	ResponseTokenTypeCase  ResponseFault = "token-type-case"  // [RT-11] "bEARER", or "dpOP"
	ResponseTokenTypeOther ResponseFault = "token-type-other" // always "DPoP"
	ResponseHuge           ResponseFault = "huge"             // 4 MiB of padding
	ResponseWrongSub       ResponseFault = "wrong-sub"        // [userinfo-invalid-sub] userinfo of another person
	ResponseNoSub          ResponseFault = "no-sub"           // userinfo without sub
	ResponseIssuerMismatch ResponseFault = "issuer-mismatch"  // [discovery-issuer-mismatch]

	// For EndpointCallback.
	RedirectOtherState ResponseFault = "other-state"
	RedirectNoState    ResponseFault = "no-state"
	RedirectOtherIss   ResponseFault = "other-iss" // [invalid-authorization-response-iss]
	RedirectNoIss      ResponseFault = "no-iss"    // [remove-authorization-response-iss]
)

// ResponseFaults lists them all.
func ResponseFaults() []ResponseFault {
	return []ResponseFault{ResponseNotJSON, ResponseTruncated, ResponseEmpty, ResponseNoAccessToken,
		ResponseNoTokenType, ResponseNoRefreshToken,
		ResponseNoExpiresIn, ResponseExpiresInText, ResponseNoIDToken, ResponseTokenTypeCase, ResponseTokenTypeOther,
		ResponseHuge, ResponseWrongSub, ResponseNoSub,
		ResponseIssuerMismatch, RedirectOtherState, RedirectNoState, RedirectOtherIss, RedirectNoIss}
}

// spoil applies Header and Response to an answer.
func (f *Fault) spoil(b *buffer) {
	if b.status >= 400 {
		return
	}
	for k, v := range f.Header {
		b.Header().Set(k, v)
	}
	switch f.Response {
	case "":
	case ResponseNotJSON:
		b.Header().Set("Content-Type", "text/html")
		b.body.Reset()
		b.body.WriteString("<!doctype html><title>Welcome</title><p>Please sign in to the wireless network.")
	case ResponseTruncated:
		b.body.Truncate(b.body.Len() / 2)
	case ResponseEmpty:
		b.body.Reset()
	default:
		var fields map[string]any
		if json.Unmarshal(b.body.Bytes(), &fields) != nil {
			return
		}
		f.Response.edit(fields)
		body, err := json.Marshal(fields)
		if err != nil {
			return
		}
		b.body.Reset()
		b.body.Write(body)
	}
}

func (r ResponseFault) edit(fields map[string]any) {
	switch r {
	case ResponseNoAccessToken:
		delete(fields, "access_token")
	case ResponseNoTokenType:
		delete(fields, "token_type")
	case ResponseNoRefreshToken:
		delete(fields, "refresh_token")
	case ResponseNoExpiresIn:
		delete(fields, "expires_in")
	case ResponseExpiresInText:
		fields["expires_in"] = fmt.Sprint(fields["expires_in"])
	case ResponseNoIDToken:
		delete(fields, "id_token")
	case ResponseTokenTypeCase:
		was := fields["token_type"]
		if fields["token_type"] = "bEARER"; was == "DPoP" {
			fields["token_type"] = "dpOP"
		}
	case ResponseTokenTypeOther:
		fields["token_type"] = "DPoP"
	case ResponseHuge:
		fields["padding"] = strings.Repeat("x", 4<<20)
	case ResponseWrongSub:
		if sub, ok := fields["sub"].(string); ok {
			fields["sub"] = sub + "INVALID"
		}
	case ResponseNoSub:
		delete(fields, "sub")
	case ResponseIssuerMismatch:
		if iss, ok := fields["issuer"].(string); ok {
			fields["issuer"] = iss + "INVALID"
		}
	}
}

// spoilRedirect applies a fault of EndpointCallback, if one is active, to the parameters of a
// redirect to a client.
func (p *IDP) spoilRedirect(client string, params url.Values) {
	f := p.faults.take(EndpointCallback, client)
	if f == nil {
		return
	}
	p.notify(Event{Kind: EventFault, Client: client, Endpoint: EndpointCallback, Outcome: f.String()})
	if f.Error != "" {
		params.Del("code")
		params.Set("error", f.Error)
	}
	switch f.Response {
	case RedirectOtherState:
		params.Set("state", params.Get("state")+"INVALID")
	case RedirectNoState:
		params.Del("state")
	case RedirectOtherIss:
		params.Set("iss", params.Get("iss")+"INVALID")
	case RedirectNoIss:
		params.Del("iss")
	}
}

// IDTokenFault names a change of an ID token.
type IDTokenFault string

// The faults of ID tokens, named as in the OpenID Foundation's conformance suite (prefix
// oidcc-client-test). A client must accept the tokens that are marked +.
const (
	IDTokenInvalidIss IDTokenFault = "invalid-iss"
	IDTokenMissingIss IDTokenFault = "missing-iss"
	IDTokenInvalidAud IDTokenFault = "invalid-aud"
	IDTokenMissingAud IDTokenFault = "missing-aud"
	IDTokenAudArray   IDTokenFault = "aud-array" // + [valid-aud-as-array]
	// [invalid-secondary-aud] a second audience that is not trusted
	IDTokenSecondaryAud  IDTokenFault = "secondary-aud"
	IDTokenInvalidAzp    IDTokenFault = "invalid-azp"    // azp of another client
	IDTokenMissingSub    IDTokenFault = "missing-sub"    //
	IDTokenInvalidSub    IDTokenFault = "invalid-sub"    // [refresh-token-invalid-sub] sub+"1"
	IDTokenMissingIat    IDTokenFault = "missing-iat"    //
	IDTokenFutureIat     IDTokenFault = "future-iat"     // an hour ahead
	IDTokenOldIat        IDTokenFault = "old-iat"        // a day ago
	IDTokenMissingExp    IDTokenFault = "missing-exp"    //
	IDTokenExpired       IDTokenFault = "expired"        // [invalid-expired-exp] by six minutes
	IDTokenInvalidNonce  IDTokenFault = "invalid-nonce"  // [nonce-invalid]
	IDTokenMissingNonce  IDTokenFault = "missing-nonce"  //
	IDTokenInvalidAtHash IDTokenFault = "invalid-athash" //
	IDTokenMissingAtHash IDTokenFault = "missing-athash" // + in the code flow
	IDTokenInvalidCHash  IDTokenFault = "invalid-chash"  // a c_hash of another code
	IDTokenSigNone       IDTokenFault = "sig-none"       // [idtoken-sig-none, invalid-null-alg]
	IDTokenInvalidSig    IDTokenFault = "invalid-sig"    // [invalid-sig-rs256, -es256]
	// [invalid-alternate-alg] ES256 for RS256, or the reverse, with a published key
	IDTokenAlternateAlg    IDTokenFault = "alternate-alg"
	IDTokenSigHS256        IDTokenFault = "sig-hs256"         // [invalid-sig-hs256] with the client's secret
	IDTokenMissingKid      IDTokenFault = "missing-kid"       // + [kid-absent-…]
	IDTokenUnknownKid      IDTokenFault = "unknown-kid"       // of a key that the JWKS does not have
	IDTokenRotatedKey      IDTokenFault = "rotated-key"       // + [signing-key-rotation-just-before-signing]
	IDTokenMissingSid      IDTokenFault = "missing-sid"       // +
	IDTokenChangedSid      IDTokenFault = "changed-sid"       // + [CORE-10] for a refresh
	IDTokenChangedAuthTime IDTokenFault = "changed-auth-time" // [CORE-10] for a refresh
	IDTokenMissingAuthTime IDTokenFault = "missing-auth-time" // [CORE-07] matters with max_age
	// + [CORE-10] should be absent; otherwise it must be equal
	IDTokenNonceOnRefresh   IDTokenFault = "nonce-on-refresh"
	IDTokenTypLogout        IDTokenFault = "typ-logout"          // typ logout+jwt
	IDTokenNotAJWT          IDTokenFault = "not-a-jwt"           //
	IDTokenHuge             IDTokenFault = "huge"                // with a claim of 64 KB
	IDTokenInvalidIssuerIss IDTokenFault = "other-tenant-issuer" // the issuer with a path added
)

// IDTokenFaults lists them all, sorted by name.
func IDTokenFaults() []IDTokenFault { return slices.Sorted(maps.Keys(idTokenFaults)) }
