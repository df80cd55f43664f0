package rp

import (
	"context"
	"fmt"
	"io"
	"log/slog"
)

// What holds secrets prints who it is, whatever the verb. That is not enough: fmt asks
// no method of an unexported field, and prints it by reflection. It follows one pointer
// on the way, if the verb fits no pointer (%s). So the secrets of a RelyingParty and a
// Session are behind a pointer of their own, and a struct that holds one of the two in
// such a field prints an address.
//
// Out of reach: what follows every pointer, as a debugger, go-spew and a core dump do;
// a struct with an unexported field of type Config, Secret or Keys, which fmt prints as
// the string or the bytes that it is; %p of one of these; and a request, whose Cookie
// header is the session.

// private is the part of a RelyingParty that reflection must not reach.
type private struct{ cfg Config }

// Format prints all fields as by %+v, the secret ones redacted, by every verb.
func (c Config) Format(f fmt.State, _ rune) {
	type plain Config // without this method
	if c.ClientSecret != "" {
		c.ClientSecret = redacted
	}
	c.Keys, c.VisitorValues = nil, nil
	_, _ = fmt.Fprintf(f, "%+v", plain(c))
}

func (c Config) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(c)) }

// name names the client and its IdP.
func (p *RelyingParty) name() string {
	switch {
	case p == nil:
		return "rp.RelyingParty(nil)"
	case p.private == nil:
		return "rp.RelyingParty()"
	}
	return "rp.RelyingParty(" + p.cfg.ClientID + " at " + p.cfg.Issuer + ")"
}

func (p *RelyingParty) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, p.name()) }

func (p *RelyingParty) LogValue() slog.Value { return slog.StringValue(p.name()) }

// shown names the session as logs and events do.
func (s *Session) shown() string {
	switch {
	case s == nil:
		return "rp.Session(nil)"
	case s.read == nil:
		return "rp.Session()"
	}
	return "rp.Session(" + s.Name() + ")"
}

func (s *Session) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.shown()) }

func (s *Session) LogValue() slog.Value { return slog.StringValue(s.shown()) }

func (l *Login) Format(f fmt.State, _ rune) {
	if l == nil || l.in == nil {
		_, _ = io.WriteString(f, "rp.Login()")
		return
	}
	_, _ = io.WriteString(f, "rp.Login("+l.Subject()+")")
}

func (l *Login) LogValue() slog.Value { return slog.StringValue(fmt.Sprint(l)) }

// String is what package context prints of a context with a value.
func (c *carrier) String() string {
	return contextName(c.ctx) + ".WithValue(" + (*Session)(c).shown() + ")"
}

func (c *carrier) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }
func (c *carrier) LogValue() slog.Value       { return slog.StringValue(c.String()) }

// contextName looks into no context that does not print itself, as package context
// does.
func contextName(ctx context.Context) string {
	if s, ok := ctx.(fmt.Stringer); ok {
		return s.String()
	}
	return fmt.Sprintf("%T", ctx)
}
