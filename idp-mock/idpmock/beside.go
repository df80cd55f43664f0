package idpmock

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// What packages need that stand beside the provider: the control API and the transmitter
// of Shared Signals. The provider knows neither.

// Config returns the present configuration. Only read it; to change it see [IDP.Update].
func (p *IDP) Config() Config { return p.settings().Config }

// Advanced is what [IDP.Advance] has added to the clock.
func (p *IDP) Advanced() time.Duration { return time.Duration(p.offset.Load()) }

// SigningKey is the provider's private key for RS256, ES256 or PS256, which its JWKS shows, for
// what signs in its name.
func (p *IDP) SigningKey(alg string) (*jose.JSONWebKey, error) { return p.keys.key(alg) }

// HiddenKey is a private key that no JWKS has shown, for tokens that must not be believed.
func (p *IDP) HiddenKey(alg string) (*jose.JSONWebKey, error) { return p.keys.hiddenKey(alg) }

// DeliveryClient calls the apps. It follows no redirect, and takes *.localhost for loopback.
func (p *IDP) DeliveryClient() *http.Client { return p.out }

// EndpointCount is how many requests of a client an endpoint has seen.
type EndpointCount struct {
	Endpoint Endpoint `json:"endpoint"`
	Client   string   `json:"client,omitempty"`
	Count    int      `json:"count"`
}

// Counts are what [IDP.Count] adds up, sorted by endpoint and client.
func (p *IDP) Counts() []EndpointCount {
	p.journal.mu.Lock()
	out := make([]EndpointCount, 0, len(p.journal.counts))
	for c, n := range p.journal.counts {
		out = append(out, EndpointCount{c.endpoint, c.client, n})
	}
	p.journal.mu.Unlock()
	slices.SortFunc(out, func(a, b EndpointCount) int {
		return strings.Compare(string(a.Endpoint)+"\x00"+a.Client, string(b.Endpoint)+"\x00"+b.Client)
	})
	return out
}
