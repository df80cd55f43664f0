package resourceserver

import (
	"fmt"
	"io"
	"log/slog"
)

// private is the part of a Server that reflection must not reach: fmt prints an
// unexported field without asking it, but follows no pointer from there.
type private struct{ cfg Config }

// Format prints all fields as by %+v, the secret one redacted, by every verb.
func (c Config) Format(f fmt.State, _ rune) {
	type plain Config // without this method
	if c.ClientSecret != "" {
		c.ClientSecret = Secret(c.ClientSecret.String())
	}
	_, _ = fmt.Fprintf(f, "%+v", plain(c))
}

// LogValue logs what Format prints.
func (c Config) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

// String names the API and who it asks.
func (s Server) String() string {
	if s.private == nil {
		return "resourceserver.Server()"
	}
	return "resourceserver.Server(" + s.cfg.ClientID + " at " + s.idp.IntrospectionURL + ")"
}

// Format prints String, by every verb.
func (s Server) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue logs String.
func (s Server) LogValue() slog.Value { return slog.StringValue(s.String()) }
