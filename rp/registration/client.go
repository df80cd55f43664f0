package registration

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// Client is a registered client, with its secrets. Save and Load keep it.
type Client struct {
	ID     string    // for rp.Config.ClientID
	Secret rp.Secret // for rp.Config.ClientSecret; empty for public clients and those with keys

	Issued time.Time // zero if the IdP did not say
	// SecretExpires is when Secret becomes invalid. Zero: never. Call RotateSecret before
	// that time.
	SecretExpires time.Time

	// ManagementURL and ManagementToken are registration_client_uri and
	// registration_access_token (RFC 7592). Everybody who has them can change the client.
	// Empty if the IdP does not offer that.
	ManagementURL   string
	ManagementToken rp.Secret

	// Metadata are the metadata that the IdP registered.
	Metadata Metadata
}

// maxID bounds client_id, secret and token, in bytes.
const maxID = 8 << 10

// parseClient reads an answer (RFC 7591 §3.2.1, RFC 7592 §3) about old, which is zero for a
// new client. What RFC 7592 lets an IdP leave out stays as it was.
func parseClient(raw []byte, old Client, allowHTTP bool) (Client, error) {
	all, err := object(raw)
	if err != nil {
		return Client{}, errors.New("registration: the IdP's answer is not the expected JSON")
	}
	c := old
	bad := ""
	read := func(name string, to *string) {
		if all[name] == nil {
			return
		}
		if json.Unmarshal(all[name], to) != nil || len(*to) > maxID {
			bad = name
		}
	}
	secret, token := string(old.Secret), string(old.ManagementToken)
	read("client_id", &c.ID)
	read("client_secret", &secret)
	read("registration_access_token", &token)
	read("registration_client_uri", &c.ManagementURL)
	c.Secret, c.ManagementToken = rp.Secret(secret), rp.Secret(token)
	for name, to := range map[string]*time.Time{
		"client_id_issued_at": &c.Issued, "client_secret_expires_at": &c.SecretExpires,
	} {
		if all[name] != nil && !readTime(all[name], to) {
			bad = name
		}
	}
	if c.Metadata, err = parseMetadata(all); err != nil {
		return Client{}, errors.New("registration: the IdP's answer has metadata of a wrong type")
	}
	method := c.Metadata.TokenEndpointAuthMethod
	bySecret := strings.HasPrefix(method, "client_secret_")
	if all["client_secret"] == nil && method != "" && !bySecret {
		c.Secret, c.SecretExpires = "", time.Time{}
	}
	switch {
	case bad != "":
		return Client{}, fmt.Errorf("registration: the IdP's answer has a %s that cannot be read", bad)
	case c.ID == "":
		return Client{}, errors.New("registration: the IdP's answer has no client_id")
	case old.ID != "" && c.ID != old.ID:
		return Client{}, errors.New("registration: the IdP answered with another client")
	case (c.ManagementURL == "") != (c.ManagementToken == ""):
		return Client{}, errors.New("registration: the IdP gave one of registration_client_uri and " +
			"registration_access_token; it has to give both or none")
	}
	if c.ManagementURL != "" {
		if err := weburl.Check(c.ManagementURL, allowHTTP); err != nil {
			return Client{}, fmt.Errorf("registration: the IdP's registration_client_uri %w", err)
		}
	}
	if bySecret && c.Secret == "" {
		return Client{}, fmt.Errorf("registration: the IdP has registered %s and gave no secret", method)
	}
	return c, nil
}

// readTime reads seconds since 1970; zero is none.
func readTime(raw json.RawMessage, to *time.Time) bool {
	var n *float64
	if json.Unmarshal(raw, &n) != nil || n != nil && !(*n >= 0 && *n < 1e11) {
		return false
	}
	*to = time.Time{}
	if n != nil && *n > 0 {
		*to = time.Unix(int64(*n), 0).UTC()
	}
	return true
}

// Differences returns the sorted names of metadata that the IdP registered otherwise than
// asked: it may replace or leave out any of them (RFC 7591 §2). If backchannel_logout_uri is
// among them, no logout token will come.
func (c Client) Differences(asked Metadata) (names []string) {
	want, err := asked.members()
	if err != nil {
		return nil // Register has refused that
	}
	got, err := c.Metadata.members()
	if err != nil { // it was JSON
		return nil
	}
	for name, raw := range want {
		if name != "software_statement" && !sameValue(name, raw, got[name]) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// sameValue compares JSON. The order of a list does not matter, nor that of scopes.
func sameValue(name string, a, b json.RawMessage) bool {
	var values [2]any
	for i, raw := range []json.RawMessage{a, b} {
		if raw == nil || json.Unmarshal(raw, &values[i]) != nil {
			return false
		}
		if s, ok := values[i].(string); ok && name == "scope" {
			words := strings.Fields(s)
			slices.Sort(words)
			values[i] = words
		}
		if list, ok := values[i].([]any); ok {
			slices.SortFunc(list, func(x, y any) int { return strings.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}

// Save returns the client as JSON with its secrets in clear, for Load. Keep it as you keep
// a secret.
func (c Client) Save() ([]byte, error) {
	all, err := c.Metadata.members()
	if err != nil {
		return nil, err
	}
	for name, v := range map[string]string{
		"client_id": c.ID, "client_secret": string(c.Secret),
		"registration_client_uri": c.ManagementURL, "registration_access_token": string(c.ManagementToken),
	} {
		if v != "" {
			all[name] = quoted(v)
		}
	}
	for name, at := range map[string]time.Time{
		"client_id_issued_at": c.Issued, "client_secret_expires_at": c.SecretExpires,
	} {
		if !at.IsZero() {
			all[name] = json.RawMessage(fmt.Sprint(at.Unix()))
		}
	}
	return json.MarshalIndent(all, "", "\t")
}

// Load reads the output of Save, or the answer of an IdP to a registration that was made by
// hand.
func Load(saved []byte) (Client, error) {
	if len(saved) > maxAnswer {
		return Client{}, fmt.Errorf("registration: a saved client has at most %d bytes", maxAnswer)
	}
	return parseClient(saved, Client{}, true)
}
