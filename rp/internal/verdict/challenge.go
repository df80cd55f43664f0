package verdict

import (
	"net/http"
	"slices"
	"strings"
)

// Challenge is one Bearer or DPoP challenge of a WWW-Authenticate header.
type Challenge struct {
	Scheme string // lower case
	Error  string
	Scope  string
	ACR    string // acr_values, RFC 9470 §3
	MaxAge string // max_age, RFC 9470 §3
}

const maxChallenge = 8 << 10 // bytes of all challenges together that are read

// Bearer returns the challenge about our token: the first Bearer or DPoP challenge with an
// error, else the first of them. Several challenges may share one header line, schemes are
// case-insensitive (RFC 9110 §11.6.1).
func Bearer(h http.Header) (Challenge, bool) { return ours(h, false) }

// DPoP is Bearer for a token that was sent with a proof. A DPoP challenge with an error goes
// before a Bearer challenge, which a server may send to every client (RFC 9449 §7.2).
func DPoP(h http.Header) (Challenge, bool) { return ours(h, true) }

func ours(h http.Header, bound bool) (Challenge, bool) {
	var found []Challenge
	room := maxChallenge
	for _, line := range h.Values("WWW-Authenticate") {
		if room -= len(line); room < 0 {
			break
		}
		found = append(found, parseChallenges(line)...)
	}
	if is := func(c Challenge) bool {
		return c.Scheme == "dpop" && c.Error != ""
	}; bound && slices.ContainsFunc(found, is) {
		return found[slices.IndexFunc(found, is)], true
	}
	var first *Challenge
	for i := range found {
		c := &found[i]
		if c.Scheme != "bearer" && c.Scheme != "dpop" {
			continue
		}
		if c.Error != "" {
			return *c, true
		}
		if first == nil {
			first = c
		}
	}
	if first == nil {
		return Challenge{}, false
	}
	return *first, true
}

func parseChallenges(line string) []Challenge {
	var out []Challenge
	s := scanner{rest: line}
	for {
		s.skip(" \t,")
		word := s.token()
		if word == "" {
			if s.rest == "" {
				return out
			}
			s.rest = s.rest[1:] // not a token character: skip it
			continue
		}
		s.skip(" \t")
		if len(out) > 0 && strings.HasPrefix(s.rest, "=") {
			s.rest = s.rest[1:]
			s.skip(" \t")
			out[len(out)-1].set(strings.ToLower(word), s.value())
			continue
		}
		out = append(out, Challenge{Scheme: strings.ToLower(word)})
	}
}

func (c *Challenge) set(name, value string) {
	switch name {
	case "error":
		c.Error = value
	case "scope":
		c.Scope = value
	case "acr_values":
		c.ACR = value
	case "max_age":
		c.MaxAge = value
	}
}

type scanner struct{ rest string }

func (s *scanner) skip(set string) { s.rest = strings.TrimLeft(s.rest, set) }

func (s *scanner) token() string {
	n := 0
	for n < len(s.rest) && isToken(s.rest[n]) {
		n++
	}
	t := s.rest[:n]
	s.rest = s.rest[n:]
	return t
}

func (s *scanner) value() string {
	if !strings.HasPrefix(s.rest, `"`) {
		return s.token()
	}
	var b strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch ch := s.rest[i]; ch {
		case '\\':
			if i++; i < len(s.rest) {
				b.WriteByte(s.rest[i])
			}
		case '"':
			s.rest = s.rest[i+1:]
			return b.String()
		default:
			b.WriteByte(ch)
		}
	}
	s.rest = "" // the closing quote is missing
	return b.String()
}

func isToken(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
