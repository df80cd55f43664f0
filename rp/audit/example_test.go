package audit_test

import (
	"log/slog"
	"os"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/audit"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/reason"
)

// Audit records go where the program sends them: here to standard output, without the time
// at which they were written.
func ExampleRecord() {
	config := rp.Config{Issuer: "https://login.example.com", ClientID: "notes"} // and the rest
	records := slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: func(_ []string,
		a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})
	config = audit.Record(config, slog.New(records))
	// auth, err := rp.New(ctx, config), and somebody logs out:
	config.Events.End(event.End{Session: "5d375af4a07c", Subject: "ada", Reason: reason.UserLogout,
		At: time.Unix(1800000000, 0)})
	// Output:
	// {"level":"INFO","msg":"audit","schema":1,"issuer":"https://login.example.com","client_id":"notes","event":"end","at":"2027-01-15T08:00:00Z","session":"5d375af4a07c","subject":"ada","reason":"user_logout"}
}
