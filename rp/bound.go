package rp

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"

	"github.com/tandem-sso/tandem/rp/internal/dpop"
	"github.com/tandem-sso/tandem/rp/internal/engine"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

// keyFor gives a log-in the key that its tokens are bound to: a new one, because those of the
// next session must not be those of this one. A silent log-in is about a session, so it uses
// the key of that session.
func (s *starts) keyFor(f *loginflow.Flow, asks *engine.State) error {
	switch {
	case asks != nil:
		f.DPoP = asks.Data.DPoPKey
	case s.cfg.DPoP:
		f.DPoP = dpop.NewSeed()
	}
	if f.DPoP == "" {
		return nil
	}
	_, err := dpop.Parse(f.DPoP)
	return err
}

// DPoPProof makes the DPoP header for one request of this session (RFC 9449 §4), beside a token of
// TokenSource. If a server answers use_dpop_nonce, pass the header DPoP-Nonce of its answer as
// nonce. The error is ErrNoAccessToken if the tokens are not bound to a key.
func (s *Session) DPoPProof(method, address, token, nonce string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", fmt.Errorf("rp: the address for a DPoP proof is not a URL")
	}
	key := s.state().Data.DPoPKey
	if key == "" {
		return "", fmt.Errorf("%w that is bound to a key: Config.DPoP was not set when this session began",
			ErrNoAccessToken)
	}
	if nonce == "" {
		nonce = s.rp.apis.idp.Nonces.For(u)
	}
	return s.rp.apis.proofOf(key, dpop.Call{Method: method, URL: u, Token: token, Nonce: nonce})
}

func (a *apis) proofOf(seed string, c dpop.Call) (string, error) {
	key, err := dpop.Parse(seed)
	if err != nil {
		return "", err
	}
	c.At = a.idp.Now()
	return key.Proof(c)
}

// sendBound sends a token with a proof. If the API refuses only because it wants its nonce in
// the proof, sendBound sends the request once more. If the body cannot be sent again, the next
// call has the nonce.
func (t *apiTransport) sendBound(r *http.Request, h engine.Held, again bool) (*http.Response, error) {
	nonces := &t.session.rp.apis.idp.Nonces
	nonce := nonces.For(r.URL)
	for retried := false; ; retried = true {
		out, err := withToken(r, "DPoP "+h.Token, again || retried)
		if err != nil {
			return nil, err
		}
		proof, err := t.session.rp.apis.proofOf(h.Key, dpop.Call{Method: cmp.Or(out.Method, http.MethodGet), URL: r.URL,
			Token: h.Token, Nonce: nonce})
		if err != nil {
			closeBody(out)
			return nil, err
		}
		out.Header.Set("DPoP", proof)
		resp, err := t.next.RoundTrip(out)
		if err != nil {
			return nil, err
		}
		next, news := nonces.Hear(r.URL, resp.Header, nonce)
		challenge, _ := verdict.DPoP(resp.Header)
		if retried || !news || resp.StatusCode != http.StatusUnauthorized || challenge.Error != "use_dpop_nonce" ||
			!replayable(r) {
			return resp, nil
		}
		nonce = next
		drain(resp)
	}
}
