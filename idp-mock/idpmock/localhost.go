package idpmock

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net"
	"strings"
	"time"
)

// dialLocalhost maps *.localhost to loopback, as browsers do, whatever the
// machine's resolver thinks of it (RFC 6761 §6.3).
func dialLocalhost(ctx context.Context, network, addr string) (net.Conn, error) {
	d := net.Dialer{Timeout: 5 * time.Second}
	if host, port, err := net.SplitHostPort(addr); err == nil &&
		(host == "localhost" || strings.HasSuffix(host, ".localhost")) {
		conn, err := d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		if err == nil {
			return conn, nil
		}
		addr = net.JoinHostPort("::1", port)
	}
	return d.DialContext(ctx, network, addr)
}

func hexSHA256(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
