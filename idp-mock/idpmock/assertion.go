package idpmock

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

const (
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	// skew is what the provider forgives the clocks of its clients.
	skew = 60 * time.Second
	// maxProofAge of a DPoP proof, and of the lifetime of an assertion.
	maxProofAge  = 5 * time.Minute
	maxAssertion = 10 * time.Minute
)

var clientAlgs = []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.PS256, jose.EdDSA}

type assertionClaims struct {
	Iss string          `json:"iss"`
	Sub string          `json:"sub"`
	Aud json.RawMessage `json:"aud"`
	Exp int64           `json:"exp"`
	Iat int64           `json:"iat"`
	Jti string          `json:"jti"`
}

// unverifiedSubject reads sub of an assertion, for records only.
func unverifiedSubject(raw string) string {
	if len(raw) > maxToken {
		return ""
	}
	jws, err := jose.ParseSignedCompact(raw, clientAlgs)
	if err != nil {
		return ""
	}
	var claims assertionClaims
	if json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &claims) != nil {
		return ""
	}
	return claims.Sub
}

// clientByAssertion is private_key_jwt (OpenID Connect Core 1.0 §9, RFC 7523).
// The audience is the issuer as a single string, or the token endpoint, which
// older clients send.
func (p *IDP) clientByAssertion(cfg *settings, r *http.Request) (*Client, *oauthError) {
	raw := r.PostForm.Get("client_assertion")
	if r.PostForm.Get("client_assertion_type") != assertionType {
		return nil, errInvalidClient("client_assertion_type must be " + assertionType)
	}
	c := cfg.clients[unverifiedSubject(raw)]
	if c == nil || len(c.JWKS) == 0 {
		return nil, errInvalidClient("the assertion cannot be read, or its subject is no client with keys")
	}
	payload, ok := verifyWithSet(raw, c.JWKS)
	if !ok {
		return nil, errInvalidClient("no key of the client verifies the assertion")
	}
	var claims assertionClaims
	if err := json.Unmarshal(payload, &claims); err != nil {
		return nil, errInvalidClient("the assertion's claims cannot be read")
	}
	now := p.Now()
	exp := time.Unix(claims.Exp, 0)
	var aud string
	audOK := json.Unmarshal(claims.Aud, &aud) == nil && (aud == cfg.Issuer || aud == p.endpoint(PathToken) ||
		aud == p.endpoint(PathPAR))
	switch {
	case claims.Iss != c.ID || claims.Sub != c.ID:
		return nil, errInvalidClient("iss and sub of the assertion must be the client_id")
	case !audOK:
		return nil, errInvalidClient("aud of the assertion must be the issuer, as a single string")
	case claims.Exp == 0 || !now.Before(exp.Add(skew)):
		return nil, errInvalidClient("the assertion has expired")
	case exp.Sub(now) > maxAssertion+skew:
		return nil, errInvalidClient("the assertion lives longer than ten minutes")
	case claims.Iat != 0 && time.Unix(claims.Iat, 0).After(now.Add(skew)):
		return nil, errInvalidClient("the assertion is from the future")
	case claims.Jti == "":
		return nil, errInvalidClient("jti is missing from the assertion")
	case !p.once("assertion "+c.ID+" "+claims.Jti, exp.Add(skew)):
		return nil, errInvalidClient("the assertion was used before")
	}
	return c, nil
}

// verifyWithSet tries the keys of a JSON key set, those with the token's kid
// only, if it has one.
func verifyWithSet(raw string, set []byte) ([]byte, bool) {
	jws, err := jose.ParseSignedCompact(raw, clientAlgs)
	if err != nil || len(jws.Signatures) != 1 {
		return nil, false
	}
	var keys jose.JSONWebKeySet
	if err := json.Unmarshal(set, &keys); err != nil {
		return nil, false
	}
	kid := jws.Signatures[0].Header.KeyID
	for _, key := range keys.Keys {
		if kid != "" && key.KeyID != "" && key.KeyID != kid || !key.IsPublic() {
			continue
		}
		if payload, err := jws.Verify(key); err == nil {
			return payload, true
		}
	}
	return nil, false
}

// once reports whether id is new until the given time.
func (p *IDP) once(id string, until time.Time) bool {
	now := p.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if old, ok := p.seen[id]; ok && now.Before(old) {
		return false
	}
	p.seen[id] = until
	return true
}

// dpopProof checks the DPoP header and returns the thumbprint of its key, or ""
// if there is none (RFC 9449 §4.3). With an access token, its hash must be in
// the proof.
func (p *IDP) dpopProof(cfg *settings, w http.ResponseWriter, r *http.Request, token string) (string, *oauthError) {
	if !cfg.Temperament.Has(hasDPoP) {
		return "", nil // RFC 9449 is unknown here, and so is the header
	}
	proofs := r.Header.Values("DPoP")
	bad := func(desc string) (string, *oauthError) {
		return "", &oauthError{status: http.StatusBadRequest, Code: "invalid_dpop_proof", Desc: desc}
	}
	switch {
	case len(proofs) == 0 && token == "":
		return "", nil
	case len(proofs) != 1:
		return bad("want exactly one DPoP header")
	case len(proofs[0]) > maxToken:
		return bad("the proof is too long")
	}
	jws, err := jose.ParseSignedCompact(proofs[0], clientAlgs)
	if err != nil || len(jws.Signatures) != 1 {
		return bad("the proof cannot be read")
	}
	header := jws.Signatures[0].Header
	jwk := header.JSONWebKey
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); typ != "dpop+jwt" || jwk == nil || !jwk.IsPublic() {
		return bad("the proof must have typ dpop+jwt and a public jwk")
	}
	payload, err := jws.Verify(jwk)
	if err != nil {
		return bad("the proof's signature is wrong")
	}
	var claims struct {
		Jti   string `json:"jti"`
		Htm   string `json:"htm"`
		Htu   string `json:"htu"`
		Iat   int64  `json:"iat"`
		Ath   string `json:"ath"`
		Nonce string `json:"nonce"`
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		return bad("the proof's claims cannot be read")
	}
	now := p.Now()
	iat := time.Unix(claims.Iat, 0)
	htu, _, _ := strings.Cut(claims.Htu, "?")
	switch {
	case claims.Htm != r.Method || htu != p.origin+r.URL.Path:
		return bad("htm or htu does not fit the request")
	case now.Sub(iat) > maxProofAge || iat.After(now.Add(skew)):
		return bad("the proof is too old or from the future")
	case token != "" && claims.Ath != s256(token):
		return bad("ath does not fit the access token")
	case claims.Jti == "" || len(claims.Jti) > 256:
		return bad("jti is missing or too long")
	}
	if cfg.DPoPNonce && !slices.Contains(p.dpopNonces(now), claims.Nonce) {
		w.Header().Set("DPoP-Nonce", p.dpopNonces(now)[0])
		return "", &oauthError{status: http.StatusBadRequest, Code: "use_dpop_nonce",
			Desc: "the proof needs the nonce of this answer"}
	}
	thumb, err := thumbprint(jwk)
	if err != nil {
		return bad("the proof's key is unusable")
	}
	if !p.once("dpop "+thumb+" "+claims.Jti, now.Add(maxProofAge+skew)) {
		return bad("the proof was used before")
	}
	return thumb, nil
}
