package rp_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// teed is an answer with the secrets of the exchange.
type teed struct {
	*http.Response
	secrets []string
}

// tee makes a request and notes what is secret in it and in its answer.
func tee(r *http.Request, next http.RoundTripper) (*teed, error) {
	out := &teed{}
	if _, token, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok {
		out.secrets = append(out.secrets, token)
	}
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r = r.Clone(r.Context())
		r.Body = io.NopCloser(bytes.NewReader(body))
		if form, err := url.ParseQuery(string(body)); err == nil {
			for _, name := range []string{"code", "code_verifier", "refresh_token", "token", "client_secret"} {
				out.secrets = append(out.secrets, form[name]...)
			}
		}
	}
	resp, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	if err != nil {
		return nil, err
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	var fields map[string]any
	if json.Unmarshal(body, &fields) == nil {
		for _, name := range []string{"access_token", "refresh_token", "id_token"} {
			if v, ok := fields[name].(string); ok {
				out.secrets = append(out.secrets, v)
			}
		}
	}
	out.Response = resp
	return out, nil
}
