package simulation

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// mutation is one deliberate mistake in the library: old, which stands in file
// exactly once, becomes new.
type mutation struct {
	name     string
	file     string
	old, new string
}

var mutations = []mutation{
	{"no lease", "rp/flight.go",
		`lease, err := p.cfg.Store.Acquire(ctx, leaseID("ask", key), leaseTTL)`,
		`var lease Lease; var err error`},
	{"no second look under the lease", "rp/flight.go",
		`if st, err = p.load(ctx, key); err != nil || enough(st.data) {`,
		`if st, err = p.load(ctx, key); err != nil {`},
	{"no compare-and-swap", "rp/memstore/session.go",
		`case uint64(e.version) != rec.Version:`,
		`case false:`},
	{"no tombstone for a log-in under way", "rp/memstore/session.go",
		`if r.forbids(refs[i], e, now) {`,
		`if false {`},
	{"passive requests refresh", "rp/authenticate.go",
		"	asks := class\n",
		"	asks := Active\n"},
	{"other instances are not listened to", "rp/rp.go",
		`p.cfg.Store.Watch(ctx, p.noticed)`,
		`p.cfg.Store.Watch(ctx, func(Change) {})`},
	{"passive requests count as activity", "rp/authenticate.go",
		"		if class == Active {\n",
		"		if true {\n"},
	{"a quiet span outlives δ", "rp/internal/lifetime/quiet.go",
		`until = earlier(until, s.Signalled.Add(p.SignalEvery))`,
		``},
	{"trust never runs out", "rp/internal/lifetime/lifetime.go",
		`if now.Sub(s.Confirmed) > trust(s, p) {`,
		`if false {`},
	{"a signal is never due", "rp/internal/lifetime/lifetime.go",
		`now.Sub(s.Signalled) >= p.SignalEvery {`,
		`now.Sub(s.Signalled) >= 10*p.SignalEvery {`},
	{"trouble at the IdP ends the session", "rp/internal/verdict/verdict.go",
		"		return Retry // RT-05, RT-06; whatever code stands in it\n",
		"		return Ended\n"},
	{"a refusal is not believed", "rp/internal/verdict/verdict.go",
		"		return Ended // RT-01\n",
		"		return Retry\n"},
	{"no retry when the outcome is unknown", "rp/refresh.go",
		"	if v == verdict.Unknown {\n",
		"	if v == verdict.Unknown {\n		return p.rejected(ctx, st, RefreshRejected)\n"},
	{"an end has no event", "rp/end.go",
		`p.untold.add(p, untold{rec: rec, detail: e.detail})`,
		`_, _ = rec, e.detail`},
	{"nothing is revoked", "rp/outbox.go",
		`again, wait = p.revoke(p.calls, &d)`,
		``},
	{"the app's idle limit is not kept", "rp/internal/lifetime/lifetime.go",
		"	case past(d.LocalIdle, now):\n",
		"	case false:\n"},
	// C9
	{"a record belongs to nobody", "rp/party.go",
		`copy(b[:], p.owner[:])`,
		``},
	{"the store hands out what is another client's", "rp/memstore/claim.go",
		`	return sh.due[c.owner.n].first(c.now, &n)`,
		`	for i := range sh.due {
		if e, more := sh.due[i].first(c.now, &n); e != nil || more {
			return e, more
		}
	}
	return nil, false`},
	{"references are the same for all clients", "rp/party.go",
		`seal.Derive(master, "references", p.owner[:], sha256.Size)`,
		`seal.Derive(master, "references", nil, sha256.Size)`},
	{"a log-in in flight can be taken up elsewhere", "rp/rp.go",
		`newLoginStore(&cfg, party.owner)`,
		`newLoginStore(&cfg, Key{})`},
	{"any IdP's logout token is believed", "rp/internal/logouttoken/logouttoken.go",
		`case c.Issuer == nil || *c.Issuer != want.Issuer: // BCL-08`,
		`case c.Issuer == nil:`},
	{"only what the first key has named is found", "rp/party.go",
		`out := make([]Key, len(p.refs))
	for i := range p.refs {`,
		`out := make([]Key, 1)
	for i := range p.refs[:1] {`},
	// Logouts while the session at the IdP goes on, and second log-ins
	{"a logout token refuses what begins after it", "rp/backchannel.go",
		`return Selector{IssuedBy: iat, BegunBy: begunBy}`,
		`return Selector{IssuedBy: iat}`},
	{"front-channel logout refuses what begins after it", "rp/frontchannel.go",
		`Selector{BegunBy: p.now()}, FrontchannelLogout`,
		`Selector{}, FrontchannelLogout`},
	{"the IdP's clock is compared with the app's", "rp/backchannel.go",
		`return Selector{IssuedBy: iat, BegunBy: begunBy}`,
		`return Selector{BegunBy: begunBy}`},
	{"a replaced session takes the new one along", "rp/revocation.go",
		`return !ownLimit(reason) && next != sameIdPSession`,
		`return !ownLimit(reason)`},
	{"the app's own limit ends the session of the IdP", "rp/revocation.go",
		`case Idle, Absolute, IdPCeiling, SessionLimit, neverBegun:
		return true`,
		`case neverBegun:
		return true`},
	{"a bookmark of the log-in logs in anew", "rp/login.go",
		`if p.isIn(r, q) {`,
		`if false {`},
}

// What a run prints at its end; rapid words it otherwise if the failure does not
// come back when it tries again.
var verdictOfRun = regexp.MustCompile(`the contract is broken: (\w+)`)

// TestTheOracleBites: each mistake must be found, most of them within the quick
// lane's 300 histories; some need a rare coincidence. A test that no mistake can
// fail proves nothing.
func TestTheOracleBites(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the library once per mistake")
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mutations {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			program := m.build(t, root)
			run := exec.Command(program, "-test.run=^TestContract$", "-rapid.seed=1", "-rapid.shrinktime=0s")
			run.Env = append(os.Environ(), "TANDEM_SIMULATE=", "TANDEM_HISTORIES=2000")
			out, err := run.CombinedOutput()
			found := verdictOfRun.FindSubmatch(out)
			switch {
			case err == nil:
				t.Error("nobody noticed")
			case found == nil:
				t.Errorf("it failed for another reason: %v\n%s", err, tail(out))
			default:
				t.Logf("it breaks %s", found[1])
			}
		})
	}
}

// build compiles this package against a library with the mistake in it.
func (m *mutation) build(t *testing.T, root string) (program string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(root, filepath.FromSlash(m.file))
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(string(text), m.old); n != 1 {
		t.Fatalf("%s has this %d times, not once; the mutation needs to follow the library:\n%s", m.file, n, m.old)
	}
	mutant := filepath.Join(dir, "mutant.go")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {file: mutant}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{
		mutant:                             []byte(strings.Replace(string(text), m.old, m.new, 1)),
		filepath.Join(dir, "overlay.json"): overlay,
	} {
		if err := os.WriteFile(name, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program = filepath.Join(dir, "mutant.test")
	build := exec.Command("go", "test", "-c", "-vet=off",
		"-overlay", filepath.Join(dir, "overlay.json"), "-o", program, ".")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("the mutant does not compile: %v\n%s", err, out)
	}
	return program
}

func tail(out []byte) []byte {
	const most = 4000
	if len(out) > most {
		out = out[bytes.IndexByte(out[len(out)-most:], '\n')+len(out)-most+1:]
	}
	return out
}
