package program

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/tandem-sso/tandem/rp/store"
)

var (
	// field is a field of rp.Config in a text; a word that is a name alone counts where it can be
	// nothing else.
	field = regexp.MustCompile(`\bConfig\.([A-Za-z]+)|\b[A-Z][A-Za-z]*[a-z][A-Z][A-Za-z]*\b`)
	left  = regexp.MustCompile(`\bConfig\.[A-Za-z]+`)
)

// flagOf names the flag for a field of rp.Config, or of the API's.
var flagOf = map[string]string{"Issuer": "-issuer", "Capabilities": "-like", "SilentCheck": "-silent-check",
	"Idle": "-idle", "Absolute": "-absolute",
	"IdPWindow": "-idp-window", "SignalEvery": "-signal-every", "TrustFor": "-trust-for", "TrailingSignal": "-trailing",
	"ClientID":     "-client-id",
	"ClientSecret": "-client-secret", "ClientKeys": "-client-key", "ClientKey": "-client-key",
	"ClientAuth": "-client-auth", "Scopes": "-scopes", "BaseURL": "-base-url",
	"Store": "-store", "Keys": "-seal-key", "IDTokenAlg": "-id-token-alg", "TrustedAudiences": "-trusted-audiences",
	"LoginParams":  "-auth-params",
	"ResponseMode": "-response-mode", "Profile": "-profile", "PAR": "-par", "JAR": "-jar",
	"RequestURI": "-request-uri", "DPoP": "-dpop", "APIs": "-api-url",
	"IntrospectionURL": "-introspection-url", "Audience": "-audience", "InsecureAllowHTTP": "-insecure-allow-http"}

// asFlags says what the library says of its fields in the words of this program.
func asFlags(text string) string {
	return field.ReplaceAllStringFunc(text, func(name string) string {
		if f, ok := flagOf[strings.TrimPrefix(name, "Config.")]; ok && name != "DPoP" { // also a word
			return f
		}
		return name
	})
}

// inFlags is an error of the library in the words of this program.
type inFlags struct{ error }

func (e inFlags) Error() string { return asFlags(e.error.Error()) }
func (e inFlags) Unwrap() error { return e.error }

// diagnose prints what is known before anybody has logged in.
func diagnose(out io.Writer, findings []store.Finding) {
	serious := 0
	var noFlag []string
	for _, f := range findings {
		mark := "  "
		if f.Serious {
			mark = "! "
			serious++
		}
		text := asFlags(f.String())
		noFlag = append(noFlag, left.FindAllString(text, -1)...)
		_, _ = fmt.Fprintf(out, "%s%s\n", mark, text)
	}
	slices.Sort(noFlag)
	if noFlag = slices.Compact(noFlag); len(noFlag) > 0 {
		_, _ = fmt.Fprintf(out, "\nFields of rp.Config for which this program has no flag; set them in your own: %s.\n",
			strings.Join(noFlag, ", "))
	}
	switch serious {
	case 0:
		_, _ = fmt.Fprintln(out, "\nNothing serious. Lifetimes, sid and refresh tokens show at the first log-in: run "+
			"without -diagnose and see the log.")
	default:
		_, _ = fmt.Fprintf(out, "\n%d marked with ! will keep people out, log them out too early, or let them stay "+
			"too long.\n", serious)
	}
}
