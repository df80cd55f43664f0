// Package weburl checks the URLs of a configuration and compares origins: https, or
// http on loopback, and nothing in them that does not belong there. A host that two
// readers may understand differently is refused, so that what was compared is what is
// called. Its errors continue a sentence that begins with the field's name, and never
// repeat a password.
package weburl

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// Check accepts an absolute https URL without user and fragment; http on loopback,
// or anywhere if allowHTTP is set. It may have a query. Its host has to be plain, see
// OriginOf.
func Check(raw string, allowHTTP bool) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		if strings.Contains(raw, "@") { // a password may stand before it
			return errors.New("is not an absolute URL")
		}
		return fmt.Errorf("is %q, which is not an absolute URL", raw)
	case u.User != nil || u.Fragment != "":
		return fmt.Errorf("is %q; it must have no fragment or user", u.Redacted())
	}
	host, _, err := authority(u)
	switch {
	case err != nil:
		return fmt.Errorf("is %+q; %w", raw, err) // in ASCII, lest a look-alike hides in it
	case u.Scheme == "https", u.Scheme == "http" && (allowHTTP || IsLoopback(host)):
		return nil
	case u.Scheme == "http":
		return fmt.Errorf("is %q; use https (http is for loopback; InsecureAllowHTTP permits it elsewhere)", raw)
	}
	return fmt.Errorf("is %q; use an https URL", raw)
}

// CheckPlain is Check for URLs without a query, such as an issuer identifier.
func CheckPlain(raw string, allowHTTP bool) error {
	if err := Check(raw, allowHTTP); err != nil {
		return err
	}
	if u, _ := url.Parse(raw); u.RawQuery != "" {
		return fmt.Errorf("is %q; it must have no query", raw)
	}
	return nil
}

// CheckOrigin is CheckPlain for scheme and host alone.
func CheckOrigin(raw string, allowHTTP bool) error {
	if err := CheckPlain(raw, allowHTTP); err != nil {
		return err
	}
	if u, _ := url.Parse(raw); u.Path != "" && u.Path != "/" {
		return fmt.Errorf("is %q; give scheme and host only, without a path", raw)
	}
	return nil
}

// Origin of a URL in its normal form, see OriginOf. Empty if raw is no URL.
func Origin(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return OriginOf(u)
}

// OriginOf is the origin of a URL in its normal form: lower case, without a default
// port, an IPv6 address in its shortest form. It is empty, and so equal to no origin,
// where the host is not plain: then another reader of the same URL, the one who dials
// perhaps, may find another host in it.
func OriginOf(u *url.URL) string {
	host, port, err := authority(u)
	scheme := lower(u.Scheme)
	switch {
	case err != nil || u.Opaque != "" || scheme == "":
		return ""
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	if port != "" && !(scheme == "https" && port == "443") && !(scheme == "http" && port == "80") {
		host += ":" + port
	}
	return scheme + "://" + host
}

// IsLoopback tells whether a host name is this machine's own: *.localhost (RFC
// 6761 §6.3) and loopback addresses.
func IsLoopback(host string) bool {
	if host = lower(host); host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
