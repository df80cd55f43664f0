package weburl

import (
	"errors"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

const (
	maxName  = 253 // characters of a host name (RFC 1035 §2.3.4)
	maxLabel = 63
)

var (
	errForeign = errors.New("write its host in ASCII, an internationalized name in its xn-- form")
	errHost    = errors.New("its host must be a plain name without a dot at the end, or an IP address without a zone")
	errPort    = errors.New("its port must be a number from 1 to 65535 without a zero in front, or be left out with " +
		"its colon")
)

// Host is the host of a URL in its normal form, as OriginOf has it: lower case, without
// port and brackets. Empty if it is not plain.
func Host(u *url.URL) string {
	host, _, err := authority(u)
	if err != nil {
		return ""
	}
	return host
}

// authority splits the host of a URL from its port and brings it into its normal form.
//
// What is refused is what readers of URLs disagree about. A byte from 0x80 on:
// strings.ToLower makes an i of U+0130 and a k of U+212A, while IDNA, by which it is
// dialled, makes another name of them; url.Parse has decoded percent-encoded ones by
// then. A dot at the end and a port with zeros in front: the same server to one reader,
// another origin to the next. A name that ends in a number (127.1, 0x7f.1): an address
// to browsers and to the C library. A zone: it means something on one machine only
// (RFC 6874). Every other character that belongs in no name, such as "@", ";" or a
// space.
func authority(u *url.URL) (host, port string, err error) {
	host = u.Host
	for i := range len(host) {
		if host[i] >= 0x80 {
			return "", "", errForeign
		}
	}
	if i := strings.LastIndexByte(host, ':'); i > strings.LastIndexByte(host, ']') {
		if host, port = host[:i], host[i+1:]; !isPort(port) {
			return "", "", errPort
		}
	}
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		ip, err := netip.ParseAddr(host[1 : len(host)-1])
		if err != nil || !ip.Is6() || ip.Zone() != "" {
			return "", "", errHost
		}
		return ip.String(), port, nil
	}
	if host = lower(host); !isName(host) {
		return "", "", errHost
	}
	return host, port, nil
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0 && s == strconv.FormatUint(n, 10)
}

// isName accepts host names, with the underscore that private networks use, and IPv4
// addresses.
func isName(s string) bool {
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if l == "" || len(l) > maxLabel || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-_") != "" {
			return false
		}
	}
	last := labels[len(labels)-1]
	if strings.Trim(last, "0123456789") != "" && !strings.HasPrefix(last, "0x") {
		return len(s) <= maxName
	}
	ip, err := netip.ParseAddr(s)
	return err == nil && ip.Is4()
}

// lower is strings.ToLower for ASCII alone.
func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}
