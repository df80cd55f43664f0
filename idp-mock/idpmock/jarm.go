package idpmock

import (
	"net/url"
	"strings"
	"time"
)

// signedResponse is the answer of the authorization endpoint as one token (JARM §2.3).
func (p *IDP) signedResponse(cfg *settings, c *Client, params url.Values) (url.Values, error) {
	claims := map[string]any{"iss": cfg.Issuer, "aud": c.ID, "exp": p.Now().Add(10 * time.Minute).Unix()}
	for name := range params {
		claims[name] = params.Get(name)
	}
	t := &jwt{claims: claims, typ: "JWT", alg: cfg.SigningAlg, client: c}
	raw, err := p.keys.sign(t.alg, t.typ, t.claims)
	if err == nil {
		raw, err = c.encrypt(raw)
	}
	return url.Values{"response": {raw}}, err
}

func isJARM(mode string) bool { return mode == "jwt" || strings.HasSuffix(mode, ".jwt") }
