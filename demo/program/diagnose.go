package program

import (
	"fmt"
	"io"
	"regexp"

	"github.com/tandem-sso/tandem/rp"
)

var field = regexp.MustCompile(`\bConfig\.([A-Za-z]+)`)

// flagOf names the flag for a field of rp.Config.
var flagOf = map[string]string{"Capabilities": "-like", "SilentCheck": "-silent-check", "Idle": "-idle", "Absolute": "-absolute", "IdPWindow": "-idp-window",
	"SignalEvery": "-signal-every", "TrustFor": "-trust-for", "TrailingSignal": "-trailing", "ClientID": "-client-id",
	"ClientSecret": "-client-secret", "Scopes": "-scopes", "BaseURL": "-base-url", "Store": "-store", "IDTokenAlg": "-id-token-alg",
	"InsecureAllowHTTP": "-insecure-allow-http"}

// asFlags says what the library says of its fields in the words of this program.
func asFlags(text string) string {
	return field.ReplaceAllStringFunc(text, func(name string) string {
		if f, ok := flagOf[field.FindStringSubmatch(name)[1]]; ok {
			return f
		}
		return name
	})
}

// diagnose prints what is known before anybody has logged in.
func diagnose(out io.Writer, findings []rp.Finding) {
	serious := 0
	for _, f := range findings {
		mark := "  "
		if f.Serious {
			mark = "! "
			serious++
		}
		_, _ = fmt.Fprintf(out, "%s%s\n", mark, asFlags(f.String()))
	}
	switch serious {
	case 0:
		_, _ = fmt.Fprintln(out, "\nNothing serious. Lifetimes, sid and refresh tokens show at the first log-in: run without -diagnose and see the log.")
	default:
		_, _ = fmt.Fprintf(out, "\n%d marked with ! will keep people out, log them out too early, or let them stay too long.\n", serious)
	}
}
