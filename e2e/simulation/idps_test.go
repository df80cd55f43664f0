package simulation

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

var idpHosts = [...]string{"idp.example", "idp2.example"}

// provider is one of the IdPs. They know the same persons by the same names, and
// their clocks differ.
type provider struct {
	*idpmock.IDP
	n      int
	issuer string
	api    string // host of the API that asks it about tokens
	ahead  time.Duration
	knobs  idpKnobs
	temper idpmock.Temperament

	expiresIn bool
	events    <-chan idpmock.Event
	front     *mover
}

// signers are shared by all histories: making keys is no part of what is proven. The
// RSA key signs what has another algorithm than it should have.
var signers = sync.OnceValue(func() []crypto.Signer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return []crypto.Signer{key, other}
})

// sweepEvery is how late an IdP may find out that a session has expired.
const sweepEvery = 4 * time.Second

func (w *world) newProvider(n int) (p *provider, err error) {
	h := w.h
	host := idpHosts[n]
	k := h.IdPs[n]
	p = &provider{n: n, issuer: "https://" + host, api: strings.Replace(host, "idp", "api", 1), ahead: k.Ahead,
		knobs: k, temper: k.temperament(), expiresIn: h.ExpiresIn}
	grace := h.ReuseGrace
	if k.Like == likeStrict {
		grace = 0
	}
	p.IDP, err = idpmock.New(idpmock.Config{
		Issuer: p.issuer, SigningAlg: "ES256", Keys: signers(),
		IdleWindow: h.Window, AbsoluteLifetime: h.IdPAbsolute, RefreshExpiresIn: h.ExpiresIn && k.Like == "",
		RefreshReuseGrace:         grace,
		CoordinateClientLifetimes: true, ExpiredSessionsTriggerBackchannelLogout: true,
		Clients: w.clients(n), HTTPClient: w.net.Client(), SweepEvery: sweepEvery,
		Temperament: p.temper,
		Now:         func() time.Time { return time.Now().Add(p.ahead) },
	})
	if err != nil {
		return nil, err
	}
	events, stop := p.Subscribe(1 << 12)
	p.events = events
	w.undo = append(w.undo, func() { p.Close(); stop() })
	p.front = &mover{issuer: p.issuer, next: p.Handler()}
	if err := w.serve(host, p.front); err != nil {
		return nil, err
	}
	return p, w.serve(p.api, w.resource(p))
}

func (w *world) clients(idp int) []idpmock.Client {
	all := []idpmock.Client{{ID: api, Secret: "secret-api"}}
	for i, p := range parties {
		if p.idp != idp {
			continue
		}
		all = append(all, idpmock.Client{
			ID: p.client, Secret: "secret-" + p.name,
			RedirectURIs:           []string{p.url() + "/auth/callback"},
			PostLogoutRedirectURIs: []string{p.url() + "/auth/logged-out"},
			BackchannelLogoutURI:   p.url() + "/auth/backchannel-logout",
			AccessTokenLifetime:    w.h.Apps[i].TokenLife, AccessTokenType: idpmock.Reference,
			RefreshTokens: p.kind == rp.RefreshToken, Audience: []string{api}, BackchannelSessionRequired: true,
		})
	}
	return all
}

// resource is an API that asks its IdP about every token.
func (w *world) resource(p *provider) http.Handler {
	client := &http.Client{Transport: w.net.Transport()}
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if f := w.spoils.api(); f != 0 {
			if f == http.StatusUnauthorized {
				rw.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			}
			rw.WriteHeader(f)
			return
		}
		if !p.temper.Has("introspection_endpoint") { // it reads the token itself, and nobody knows of its end
			rw.WriteHeader(http.StatusOK)
			return
		}
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		req, err := http.NewRequestWithContext(r.Context(), http.MethodPost, p.issuer+idpmock.PathIntrospect,
			strings.NewReader(url.Values{"token": {token}}.Encode()))
		if err != nil {
			panic(err)
		}
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.SetBasicAuth(api, "secret-api")
		var answer struct {
			Active bool `json:"active"`
		}
		resp, err := client.Do(req)
		if err == nil {
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK || json.NewDecoder(resp.Body).Decode(&answer) != nil {
				err = fmt.Errorf("introspection answered %d", resp.StatusCode)
			}
		}
		switch {
		case err != nil:
			rw.WriteHeader(http.StatusServiceUnavailable)
		case !answer.Active:
			rw.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			rw.WriteHeader(http.StatusUnauthorized)
		default:
			rw.WriteHeader(http.StatusOK)
		}
	})
}
