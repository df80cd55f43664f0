// Package otherclaims reads claims for which somebody other than the IdP vouches: aggregated claims, which the IdP
// passes on, and distributed claims, which this app fetches (OpenID Connect Core 1.0 §5.6.2).
//
//	reader, err := otherclaims.New(otherclaims.Config{Sources: []otherclaims.Source{{
//		Issuer: "https://bank.example", JWKSURL: "https://bank.example/jwks", Claims: []string{"credit_score"},
//	}}})
//	…
//	var all json.RawMessage
//	err = session.Claims(&all)
//	vouched, err := reader.Read(ctx, all)
//
// rp itself believes none of them. Only the IdP says that a claim is about this person: nothing else binds what it
// names in _claim_sources to the person.
package otherclaims

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/keyset"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// Source is somebody whom this app believes.
type Source struct {
	// Issuer is the iss of its tokens, compared exactly.
	Issuer string
	// JWKSURL is where its keys are: an https URL.
	JWKSURL string
	// Alg is how it signs. Default RS256.
	Alg string
	// Claims are those for which it may vouch. At least one.
	Claims []string
	// Endpoint is the only address at which its distributed claims are fetched: an https URL. The
	// claims name an address too; if it is another one, it is never called. Empty: only aggregated
	// claims are read.
	Endpoint string
}

// Config configures a Reader.
type Config struct {
	// Sources are those whom this app believes: at least one, each with an Issuer of its own.
	Sources []Source
	// HTTPClient fetches keys and claims; its redirect policy, cookie jar and timeout are not used: no redirect is
	// followed, and a call takes 10 s at most. Default: http.DefaultTransport.
	HTTPClient *http.Client
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Reader reads claims of others. It is safe for concurrent use; make it with New and Close it.
type Reader struct {
	sources []*source
	client  *http.Client
	now     func() time.Time
}

type source struct {
	Source
	keys *keyset.Set
}

// algs are those of rp.Config.IDTokenAlg.
var algs = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// New checks the configuration. Nothing is called. Its error names every wrong field.
func New(c Config) (*Reader, error) {
	if c.HTTPClient == nil {
		c.HTTPClient = &http.Client{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	r := &Reader{client: idp.PlainClient(c.HTTPClient, nil), now: c.Now}
	var faults []error
	fault := func(i int, field string, why any) {
		faults = append(faults, fmt.Errorf("otherclaims: Config.Sources[%d].%s: %v", i, field, why))
	}
	for i, s := range c.Sources {
		if s.Issuer == "" || r.of(s.Issuer) != nil {
			fault(i, "Issuer", "is empty, or that of another source")
		}
		if err := weburl.Check(s.JWKSURL, false); err != nil {
			fault(i, "JWKSURL", err)
		}
		if s.Endpoint != "" {
			if err := weburl.Check(s.Endpoint, false); err != nil {
				fault(i, "Endpoint", err)
			}
			if slices.ContainsFunc(r.sources, func(o *source) bool { return o.Endpoint == s.Endpoint }) {
				fault(i, "Endpoint", "is that of another source")
			}
		}
		if s.Alg == "" {
			s.Alg = "RS256"
		}
		if !slices.Contains(algs, s.Alg) {
			fault(i, "Alg", fmt.Sprintf("is %q; use one of %v", s.Alg, algs))
		}
		if len(s.Claims) == 0 {
			fault(i, "Claims", "is empty; name the claims for which it may vouch")
		}
		s.Claims = slices.Clone(s.Claims)
		r.sources = append(r.sources, &source{s, keyset.New(s.JWKSURL, r.client, c.Now)})
	}
	if len(c.Sources) == 0 {
		faults = append(faults, errors.New("otherclaims: Config.Sources: is empty; name whom this app believes"))
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	return r, nil
}

// Close ends the calls for keys that are under way.
func (r *Reader) Close() error {
	for _, s := range r.sources {
		s.keys.Stop()
	}
	return nil
}

func (r *Reader) of(issuer string) *source {
	for _, s := range r.sources {
		if s.Issuer == issuer {
			return s
		}
	}
	return nil
}
