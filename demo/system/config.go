package system

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/rp"
)

// Config of a System. The zero value is good: free ports, short windows.
type Config struct {
	// PortBase is the first of Ports ports. 0: free ones are picked.
	PortBase int
	Settings Settings
	// Store of the apps, as the flag -store; a bolt file gets the app's name
	// added. Default: memory.
	Store string
	// Like is the provider that the IdP behaves like, and that the apps take it for; see
	// idpmock.Like and idps.Named. Default: one that honours everything, which
	// the apps take for "duende".
	Like string
	// Instances of each app, as in apps.Config.
	Instances int
	Progress  io.Writer // for a person at a terminal
	Logger    *slog.Logger
	// Measure of each app, as in apps.Config.
	Measure func(rp.Config) (rp.Config, error)
	// Now is the clock under the demo's own, which can be moved. Default time.Now.
	Now func() time.Time
}

// Ports the system takes, from Config.PortBase on: the control room, the IdP,
// Notes, Reports, Wiki, the API and the naive app. The app of the control room's
// “Try your own IdP” takes the next one.
const Ports = 7

// Settings can be changed while the system runs.
type Settings struct {
	IdPIdle     time.Duration `json:"idp_idle"`     // W; default 2 min
	IdPAbsolute time.Duration `json:"idp_absolute"` // default 1 h
	TokenLife   time.Duration `json:"token_life"`   // of Notes' access token; default 1 min

	SignalEvery time.Duration `json:"signal_every"` // δ; 0: a fifth of W
	TrustFor    time.Duration `json:"trust_for"`    // 0: 5 min, at most W
	Idle        time.Duration `json:"idle"`         // 0: none
	Absolute    time.Duration `json:"absolute"`     // 0: 8 h
	Trailing    bool          `json:"trailing"`
	SilentCheck bool          `json:"silent_check"` // in Wiki, which has no token
	Like        string        `json:"like"`         // as Config.Like, which "" leaves as it is
	WaitFor     time.Duration `json:"-"`            // 0: 15 s
	// SharedStore: Reports keeps its sessions in Notes' store, under the same keys.
	SharedStore bool          `json:"-"`
	APICache    time.Duration `json:"-"` // of the API; fixed at the start
}

// withDefaults fills what is zero.
func (s Settings) withDefaults() Settings {
	for _, d := range []struct {
		v      *time.Duration
		preset time.Duration
	}{{&s.IdPIdle, 2 * time.Minute}, {&s.IdPAbsolute, time.Hour}, {&s.TokenLife, time.Minute},
		{&s.TrustFor, 5 * time.Minute}, {&s.Absolute, 8 * time.Hour}} {
		if *d.v == 0 {
			*d.v = d.preset
		}
	}
	return s
}

// check names the flag, which is also the name on the page.
func (s Settings) check() error {
	var faults []error
	for _, d := range []struct {
		flag string
		v    time.Duration
		zero bool
	}{{"idp-idle", s.IdPIdle, false}, {"idp-absolute", s.IdPAbsolute, false}, {"token-life", s.TokenLife, false},
		{"signal-every", s.SignalEvery, true}, {"trust-for", s.TrustFor, false}, {"idle", s.Idle, true},
		{"absolute", s.Absolute, false}} {
		switch {
		case d.v == 0 && d.zero:
		case d.v < time.Second:
			faults = append(faults, &apps.FlagError{Flag: d.flag, Cure: fmt.Sprintf("is %v; use a second at least",
				d.v)})
		case d.v > 365*24*time.Hour:
			faults = append(faults, &apps.FlagError{Flag: d.flag, Cure: fmt.Sprintf("is %v; use a year at most", d.v)})
		}
	}
	if s.SignalEvery >= s.IdPIdle {
		faults = append(faults, &apps.FlagError{Flag: "signal-every",
			Cure: fmt.Sprintf("is %v, not less than the IdP's window of %v: active people would be logged out "+
				"between two signals", s.SignalEvery, s.IdPIdle)})
	}
	return errors.Join(faults...)
}
