package otherclaims

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/outside"
)

const (
	maxSources = 8        // of one person
	maxToken   = 64 << 10 // bytes
	patience   = 10 * time.Second
	skew       = time.Minute
)

// Claim is a claim for which somebody vouches.
type Claim struct {
	Value  json.RawMessage
	Issuer string // who vouches: one of Config.Sources
}

// Read returns the claims of a person that others vouch for, by their names. claims is all that the IdP says of the
// person, as rp.Session.Claims gives it. Signatures are checked; distributed claims are fetched, each source after the
// other, 10 s and 64 KiB at most.
//
// What cannot be read is left out, and the error says why: one error for each source, joined. It has no token in it.
// The claims that are returned beside an error are good.
func (r *Reader) Read(ctx context.Context, claims []byte) (map[string]Claim, error) {
	named, sources, err := parse(claims)
	if err != nil {
		return nil, err
	}
	if len(named) > maxSources {
		return nil, fmt.Errorf("otherclaims: there are %d sources, and at most %d are read", len(named), maxSources)
	}
	vouched := map[string]Claim{}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(named)) {
		s, got, err := r.ask(ctx, sources[name])
		if err != nil {
			faults = append(faults, fmt.Errorf("otherclaims: source %q: %w", outside.Text(name, 60), err))
			continue
		}
		for _, claim := range named[name] {
			if value, has := got[claim]; has && slices.Contains(s.Claims, claim) {
				vouched[claim] = Claim{value, s.Issuer}
			}
		}
	}
	return vouched, errors.Join(faults...)
}

// from is a member of _claim_sources.
type from struct {
	JWT         string `json:"JWT"`
	Endpoint    string `json:"endpoint"`
	AccessToken string `json:"access_token"`
}

// parse returns the names of the claims by their source, and the sources.
func parse(claims []byte) (named map[string][]string, sources map[string]from, err error) {
	var all struct { // each member is read by itself: one that is faulty takes no other along
		Names   map[string]json.RawMessage `json:"_claim_names"`
		Sources map[string]json.RawMessage `json:"_claim_sources"`
	}
	if json.Unmarshal(claims, &all) != nil {
		return nil, nil, errors.New("otherclaims: _claim_names or _claim_sources is not as OpenID Connect Core 1.0 " +
			"§5.6.2 has it")
	}
	named, sources = map[string][]string{}, map[string]from{}
	for claim, raw := range all.Names {
		var source string
		if json.Unmarshal(raw, &source) == nil {
			named[source] = append(named[source], claim)
		}
	}
	for name, raw := range all.Sources {
		var f from
		if json.Unmarshal(raw, &f) == nil { // else it has neither a token nor an address
			sources[name] = f
		}
	}
	return named, sources, nil
}

// ask returns what one source says, and who it is.
func (r *Reader) ask(ctx context.Context, f from) (*source, map[string]json.RawMessage, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	token, only := f.JWT, (*source)(nil)
	switch {
	case token != "" && f.Endpoint != "":
		return nil, nil, errors.New("it is aggregated and distributed at once")
	case token == "" && f.Endpoint == "":
		return nil, nil, errors.New("it has neither a token nor an address")
	case token == "":
		at := slices.IndexFunc(r.sources, func(s *source) bool { return s.Endpoint == f.Endpoint })
		if at < 0 {
			return nil, nil, errors.New("its address is the Endpoint of none of Config.Sources, so it is not called")
		}
		only = r.sources[at]
		var err error
		if token, err = r.fetch(ctx, only.Endpoint, f.AccessToken); err != nil {
			return nil, nil, err
		}
	}
	return r.verify(ctx, token, only)
}

// fetch asks a source for the claims of a person.
func (r *Reader) fetch(ctx context.Context, endpoint, access string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint, nil)
	if err != nil {
		return "", errors.New("its address cannot be called")
	}
	req.Header.Set("Accept", "application/jwt")
	if access != "" {
		req.Header.Set("Authorization", "Bearer "+access)
	}
	resp, err := r.client.Do(req)
	if err != nil {
		return "", outside.Error(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxToken+1))
	switch {
	case err != nil:
		return "", outside.Error(err)
	case resp.StatusCode != http.StatusOK:
		return "", fmt.Errorf("it answered %d", resp.StatusCode)
	}
	return strings.TrimSpace(string(body)), nil
}

// verify reads a token of one of the sources; of only, if that is set.
func (r *Reader) verify(ctx context.Context, token string, only *source) (*source, map[string]json.RawMessage, error) {
	if len(token) > maxToken {
		return nil, nil, fmt.Errorf("its token is longer than %d bytes", maxToken)
	}
	s := r.of(issuerOf(token)) // nobody is believed yet: it chooses the keys
	if s == nil || only != nil && s != only {
		return nil, nil, errors.New("the iss of its token is not the Issuer that Config.Sources names")
	}
	payload, err := s.keys.Limited(s.Alg).VerifySignature(ctx, token)
	if err != nil {
		return nil, nil, err
	}
	var said struct {
		Issuer string   `json:"iss"`
		Expiry *float64 `json:"exp"`
		Before *float64 `json:"nbf"`
	}
	var all map[string]json.RawMessage
	if json.Unmarshal(payload, &said) != nil || json.Unmarshal(payload, &all) != nil || said.Issuer != s.Issuer {
		return nil, nil, errors.New("its token has no claims that can be read")
	}
	now := r.now()
	switch {
	case said.Expiry != nil && float64(now.Add(-skew).Unix()) >= *said.Expiry:
		return nil, nil, errors.New("its token has expired")
	case said.Before != nil && float64(now.Add(skew).Unix()) < *said.Before:
		return nil, nil, errors.New("its token is not valid yet")
	}
	return s, all, nil
}

// issuerOf reads iss without looking at the signature; empty if there is none.
func issuerOf(token string) string {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return ""
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	var said struct {
		Issuer string `json:"iss"`
	}
	if err != nil || json.Unmarshal(payload, &said) != nil {
		return ""
	}
	return said.Issuer
}
