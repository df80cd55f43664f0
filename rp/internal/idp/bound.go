package idp

import (
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/dpop"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

// useNonce is the code of a server that wants its nonce in the proof (RFC 9449 §8, §9). It
// says nothing about a token or a session (DPOP-02).
const useNonce = "use_dpop_nonce"

// Bound returns a client that calls with a key of package dpop: each call of the token endpoint
// and of userinfo has a proof (RFC 9449). Without a key it returns c.
func (c *Client) Bound(seed string) *Client {
	if seed == "" {
		return c
	}
	bound := *c
	bound.key, bound.keyErr = dpop.Parse(seed)
	return &bound
}

// sendBound makes a call with a new proof. If the server refuses only because it wants its
// nonce in the proof, sendBound makes the call once more; request makes the same request anew.
// Without a key it is send.
func (c *Client) sendBound(request func() (*http.Request, error), what, token string,
	code func(*http.Response, []byte) string) (*http.Response, []byte, Outcome) {
	nonce := ""
	for again := false; ; again = true {
		req, err := request()
		if err == nil {
			err = c.keyErr
		}
		if err == nil && c.key != nil {
			if !again {
				nonce = c.Nonces.For(req.URL)
			}
			err = c.prove(req, token, nonce)
		}
		if err != nil {
			return nil, nil, Outcome{Answer: verdict.Answer{Fault: verdict.NotSent}, Err: err}
		}
		before := c.offset()
		resp, body, out := c.send(req, what)
		if c.key == nil || out.Err != nil {
			return resp, body, out
		}
		next, news := c.Nonces.Hear(req.URL, resp.Header, nonce) // any answer may bring the next one
		// The answer to a proof by a wrong clock tells how wrong it is.
		late := (c.offset()-before).Abs() > time.Second && (code(resp, body) == "invalid_dpop_proof" ||
			out.Status == http.StatusUnauthorized)
		if again || out.Status < 400 || out.Status >= 500 || !late && (!news || code(resp, body) != useNonce) {
			return resp, body, out
		}
		if news {
			nonce = next
		}
	}
}

func (c *Client) prove(req *http.Request, token, nonce string) error {
	proof, err := c.key.Proof(dpop.Call{Method: req.Method, URL: req.URL, Token: token, Nonce: nonce,
		At: c.Now().Add(-c.offset())})
	if err == nil {
		req.Header.Set("DPoP", proof)
	}
	return err
}

// offset is the difference between the time in a proof and this server's clock.
func (c *Client) offset() time.Duration {
	if c.ahead == nil {
		return 0
	}
	return c.ahead()
}

// scheme is how an access token is shown.
func (c *Client) scheme() string {
	if c.key != nil {
		return "DPoP"
	}
	return "Bearer"
}

func codeInBody(_ *http.Response, body []byte) string {
	_, fail := parseTokens(body)
	return fail.Code
}

func (c *Client) codeInChallenge(resp *http.Response, _ []byte) string {
	return c.challenge(resp.Header)
}

// challenge is the error of the challenge that speaks about our token.
func (c *Client) challenge(h http.Header) string {
	read := verdict.Bearer
	if c.key != nil {
		read = verdict.DPoP
	}
	challenge, ours := read(h)
	if !ours && h["Www-Authenticate"] != nil {
		return verdict.OtherScheme
	}
	return challenge.Error
}
