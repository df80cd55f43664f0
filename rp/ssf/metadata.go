package ssf

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// metadata is the Transmitter Configuration Metadata (§7.1).
type metadata struct {
	Issuer           string   `json:"issuer"`
	JWKSURL          string   `json:"jwks_uri"`
	DeliveryMethods  []string `json:"delivery_methods_supported"`
	ConfigURL        string   `json:"configuration_endpoint"`
	StatusURL        string   `json:"status_endpoint"`
	VerificationURL  string   `json:"verification_endpoint"`
	AddSubjectURL    string   `json:"add_subject_endpoint"`
	RemoveSubjectURL string   `json:"remove_subject_endpoint"`
	DefaultSubjects  string   `json:"default_subjects"` // ALL, NONE or not told
	Critical         []string `json:"critical_subject_members"`
}

// metadata are those that were read last.
func (t *Transmitter) metadata() *metadata { return t.meta.Load() }

// read fetches the metadata and checks them.
func (t *Transmitter) read(ctx context.Context) (*metadata, error) {
	where, err := wellKnown(t.cfg.Issuer)
	if err != nil {
		return nil, &ConfigError{"TransmitterConfig.Issuer", err.Error()}
	}
	req, err := http.NewRequest(http.MethodGet, where, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/json")
	m := &metadata{}
	if err := t.do(ctx, req, http.StatusOK, m); err != nil {
		return nil, fmt.Errorf("ssf: TransmitterConfig.Issuer: discovery at %s failed: %w", where, err)
	}
	if err := m.check(t.cfg.Issuer, t.cfg.InsecureAllowHTTP); err != nil {
		return nil, &ConfigError{"TransmitterConfig.Issuer", err.Error()}
	}
	return m, nil
}

// reread takes over what has changed. What cannot be read, or is not good, changes
// nothing.
func (t *Transmitter) reread(ctx context.Context) {
	m, err := t.read(ctx)
	switch {
	case ctx.Err() != nil:
	case err != nil:
		t.log().Warn("the transmitter's metadata could not be read again; the receiver keeps using the old metadata",
			"error", err)
	default:
		t.keys.From(m.JWKSURL)
		t.meta.Store(m)
	}
}

// check refuses metadata of somebody else, and URLs that are not safe.
func (m *metadata) check(issuer string, allowHTTP bool) error {
	if m.Issuer != issuer { // §7.2.4
		return fmt.Errorf("the transmitter calls itself %.200q; set exactly that", m.Issuer)
	}
	for _, e := range []struct {
		name, url string
		required  bool
	}{
		{"jwks_uri", m.JWKSURL, true}, {"configuration_endpoint", m.ConfigURL, false},
		{"status_endpoint", m.StatusURL, false}, {"verification_endpoint", m.VerificationURL, false},
		{"add_subject_endpoint", m.AddSubjectURL, false}, {"remove_subject_endpoint", m.RemoveSubjectURL, false},
	} {
		if e.url == "" && !e.required {
			continue
		}
		if err := weburl.Check(e.url, allowHTTP); err != nil {
			return fmt.Errorf("the transmitter's %s %v", e.name, err)
		}
	}
	return nil
}

// wellKnown puts the well-known part between host and path (§7.2.1).
func wellKnown(issuer string) (string, error) {
	u, err := url.Parse(issuer)
	if err != nil || u.RawQuery != "" {
		return "", errors.New("has a query; an issuer identifier has none")
	}
	u.Path = "/.well-known/ssf-configuration" + strings.TrimSuffix(u.Path, "/")
	u.RawPath = ""
	return u.String(), nil
}

func (t *Transmitter) isCritical(member string) bool {
	return slices.Contains(t.metadata().Critical, member)
}
