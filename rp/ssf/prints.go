package ssf

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/tandem-sso/tandem/rp"
)

// private is the part of a Receiver that reflection must not reach: fmt prints an
// unexported field without asking it, but follows no pointer from there.
type private struct{ cfg Config }

// Format prints all fields as by %+v, the secret one redacted, by every verb.
func (c Config) Format(f fmt.State, _ rune) {
	type plain Config // without this method
	c.PushToken = redact(c.PushToken)
	_, _ = fmt.Fprintf(f, "%+v", plain(c))
}

// LogValue logs what Format prints.
func (c Config) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

// Format prints all fields as by %+v, the secret one redacted, by every verb.
func (r StreamRequest) Format(f fmt.State, _ rune) {
	type plain StreamRequest // without this method
	r.PushToken = redact(r.PushToken)
	_, _ = fmt.Fprintf(f, "%+v", plain(r))
}

// LogValue logs what Format prints.
func (r StreamRequest) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(r)) }

func redact(s rp.Secret) rp.Secret {
	if s != "" {
		s = rp.Secret(s.String())
	}
	return s
}

// String names the transmitter.
func (r *Receiver) String() string {
	switch {
	case r == nil:
		return "ssf.Receiver(nil)"
	case r.private == nil:
		return "ssf.Receiver()"
	}
	return "ssf.Receiver(" + r.want.issuer + ")"
}

// Format prints String, by every verb.
func (r *Receiver) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, r.String()) }

// LogValue logs String.
func (r *Receiver) LogValue() slog.Value { return slog.StringValue(r.String()) }
