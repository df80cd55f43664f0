package apps

import (
	"context"
	"net"
	"net/http"
	"strings"
	"time"
)

// DialLocal maps localhost and *.localhost to loopback, IPv4 first.
func DialLocal(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	host, port, err := net.SplitHostPort(addr)
	if err == nil && IsLocal(host) {
		if conn, err := d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port)); err == nil {
			return conn, nil
		}
		addr = net.JoinHostPort("::1", port)
	}
	return d.DialContext(ctx, network, addr)
}

// IsLocal tells whether host is a name for this machine.
func IsLocal(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	return host == "localhost" || strings.HasSuffix(host, ".localhost")
}

// LocalTransport is http.DefaultTransport with DialLocal: it reaches *.localhost on this
// machine whatever its resolver thinks of such names, as browsers do (RFC 6761 §6.3).
func LocalTransport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.DialContext = DialLocal
	return t
}
