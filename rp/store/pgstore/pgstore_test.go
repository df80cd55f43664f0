package pgstore_test

import (
	"cmp"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp/store/pgstore"
	"github.com/tandem-sso/tandem/rp/store/storetest"
)

// shared is the server of all tests that leave it alone.
func shared(tb testing.TB) *servertest.Postgres {
	tb.Helper()
	server, err := started()
	if err != nil {
		tb.Fatal(err)
	}
	return server
}

var (
	running *servertest.Postgres
	started = sync.OnceValues(func() (_ *servertest.Postgres, err error) {
		running, err = servertest.StartPostgres()
		return running, err
	})
)

func TestMain(m *testing.M) {
	code := m.Run()
	if running != nil {
		running.Close()
	}
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var schemas atomic.Int64

func newSchema() string { return fmt.Sprintf("test%d", schemas.Add(1)) }

// patience is a Timeout for tests that are not about time: other tests have the
// machine's cores, too.
const patience = 20 * time.Second

func open(tb testing.TB, url string, o pgstore.Options) *pgstore.Store {
	tb.Helper()
	if o.Schema == "" {
		o.Schema = newSchema()
	}
	o.Migrate, o.Timeout = true, cmp.Or(o.Timeout, patience)
	s, err := pgstore.Open(tb.Context(), url, o)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
	})
	return s
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Backend {
		clock := storetest.NewClock()
		o := pgstore.Options{Now: clock.Now, Schema: newSchema()}
		first, second := open(t, shared(t).URL, o), open(t, shared(t).URL, o)
		return storetest.Backend{Store: first, Second: second, Now: clock.Now, Advance: clock.Advance}
	})
}

func TestOpenRefuses(t *testing.T) {
	for want, o := range map[string]pgstore.Options{
		"Options.Schema":  {Schema: `a"; DROP`},
		"Options.Timeout": {Timeout: -1},
		"pgstore.Migrate": {Schema: "nothing_there"},
	} {
		if _, err := pgstore.Open(t.Context(), shared(t).URL, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s in it", err, want)
		}
	}
	for what, url := range map[string]string{
		"a bad URL":     "postgres://tandem:hunter2@host:port/x",
		"nobody's port": "postgres://tandem:hunter2@127.0.0.1:1/x",
	} {
		_, err := pgstore.Open(t.Context(), url, pgstore.Options{})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open of %s: %v", what, err)
		}
	}
}
