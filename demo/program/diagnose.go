package program

import (
	"fmt"
	"io"

	"github.com/tandem-sso/tandem/rp"
)

// diagnose prints what is known before anybody has logged in.
func diagnose(out io.Writer, findings []rp.Finding) {
	serious := 0
	for _, f := range findings {
		mark := "  "
		if f.Serious {
			mark = "! "
			serious++
		}
		_, _ = fmt.Fprintf(out, "%s%s\n", mark, f)
	}
	switch serious {
	case 0:
		_, _ = fmt.Fprintln(out, "\nNothing serious. Lifetimes, sid and refresh tokens show at the first log-in: run without -diagnose and see the log.")
	default:
		_, _ = fmt.Fprintf(out, "\n%d marked with ! will log people out too early, or let them stay too long.\n", serious)
	}
}
