package registration

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// issuerRel is the kind of link that leads to an IdP (OpenID Connect Discovery 1.0 §2).
const issuerRel = "http://openid.net/specs/connect/1.0/issuer"

const maxResource = 512 // bytes

// ErrNoIssuer is returned by WebFinger if the host knows no IdP for the person.
var ErrNoIssuer = errors.New("registration: WebFinger names no issuer for this person")

// WebFinger finds the IdP of a person by the text that they typed: an address such as
// ada@example.com, or the URL of a profile (OpenID Connect Discovery 1.0 §2, RFC 7033).
//
// It calls the host in that text, so the person decides which host this machine calls.
// Therefore allow is asked first; let it refuse addresses of your own network. Use the answer
// only to choose among the IdPs that you know, and never trust an IdP because of it. client
// and its redirects are treated as in Config.
//
// Errors: a *ConfigError if the text is wrong or the host is not allowed, ErrNoIssuer, an
// *Error.
func WebFinger(ctx context.Context, client *http.Client, allow func(host string) bool, who string) (
	issuer string, err error) {
	resource, host, err := normalize(who)
	if err != nil {
		return "", &ConfigError{"who", err.Error()}
	}
	if allow == nil || !allow(host) {
		return "", &ConfigError{"allow", fmt.Sprintf("does not permit to ask %.100q", host)}
	}
	p := &IDP{private: &private{Config{RequestTimeout: 10 * time.Second, Now: time.Now}}, client: remote(client)}
	query := url.Values{"resource": {resource}, "rel": {issuerRel}}
	where := "https://" + host + "/.well-known/webfinger?" + query.Encode()
	raw, err := p.call(ctx, "look the issuer up", http.MethodGet, where, "", nil, http.StatusOK)
	var refused *Error
	if errors.As(err, &refused) && refused.Status == http.StatusNotFound {
		return "", ErrNoIssuer
	}
	if err != nil {
		return "", err
	}
	return issuerOf(raw)
}

// issuerOf reads a JSON Resource Descriptor (RFC 7033 §4.4).
func issuerOf(raw []byte) (string, error) {
	var jrd struct {
		Links []struct {
			Rel  string `json:"rel"`
			Href string `json:"href"`
		} `json:"links"`
	}
	if err := json.Unmarshal(raw, &jrd); err != nil {
		return "", errors.New("registration: WebFinger's answer is not the expected JSON")
	}
	for _, link := range jrd.Links {
		if link.Rel != issuerRel {
			continue
		}
		if err := weburl.CheckPlain(link.Href, false); err != nil {
			return "", fmt.Errorf("registration: WebFinger's issuer %w", err)
		}
		return link.Href, nil
	}
	return "", ErrNoIssuer
}

// normalize makes a resource and a host of what was typed (Discovery §2.1.2).
func normalize(who string) (resource, host string, err error) {
	who = strings.TrimSpace(who)
	switch {
	// XRIs are left out, as §2.1.1 does.
	case who == "" || len(who) > maxResource || strings.ContainsAny(who[:1], "=@!"):
		return "", "", errors.New("is neither an address such as ada@example.com nor a URL")
	case strings.Contains(who, "@") && !strings.Contains(who, "://"):
		address := strings.TrimPrefix(who, "acct:")
		at := strings.LastIndexByte(address, '@')
		resource, host = "acct:"+address, address[at+1:]
		if at < 1 || strings.ContainsAny(host, "/?#\\ ") {
			return "", "", errors.New("is no address such as ada@example.com")
		}
	default:
		if !strings.Contains(who, "://") {
			who = "https://" + who
		}
		resource, _, _ = strings.Cut(who, "#")
		u, err := url.Parse(resource)
		if err != nil || u.Host == "" {
			return "", "", errors.New("is no URL")
		}
		host = u.Host
	}
	isURL := !strings.HasPrefix(resource, "acct:")
	if weburl.CheckOrigin("https://"+host, false) != nil || isURL && weburl.Check(resource, false) != nil {
		return "", "", errors.New("names a host or a URL that cannot be asked")
	}
	return resource, host, nil
}
