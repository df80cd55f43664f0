package boltstore_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/boltstore"
)

const (
	crashFlush = 50 * time.Millisecond
	crashSlack = 1500 * time.Millisecond // for the commits in between, on a busy machine
)

// crashChild works on the store until it is killed. It writes a line after each
// call that has returned, and before each End.
func crashChild(path string) error {
	s, err := boltstore.Open(path, boltstore.Options{FlushEvery: crashFlush})
	if err != nil {
		return err
	}
	failed := make(chan error)
	for range 4 {
		go func() { failed <- crashWork(s) }()
	}
	return <-failed
}

func crashWork(s *boltstore.Store) error {
	ctx := context.Background()
	say := func(what string, key store.Key, n int64) {
		fmt.Fprintf(os.Stdout, "%s %x %d %d\n", what, key, n, time.Now().UnixMilli())
	}
	var mine []store.Record
	for i := rand.IntN(1 << 40); ; i++ {
		if len(mine) < 3 || rand.IntN(4) == 0 {
			rec := record(i)
			if err := s.Create(ctx, rec); err != nil {
				return err
			}
			say("created", rec.Key, 1)
			rec.Version = 1
			mine = append(mine, rec)
			continue
		}
		at := rand.IntN(len(mine))
		rec := &mine[at]
		switch rand.IntN(4) {
		case 0, 1:
			rec.Active = time.Now()
			if err := s.Touch(ctx, rec.Key, rec.Active, rec.Active.Add(time.Hour)); err != nil {
				return err
			}
			say("touched", rec.Key, rec.Active.UnixMilli())
		case 2:
			if err := s.Replace(ctx, *rec); err != nil {
				return err
			}
			rec.Version++
			say("replaced", rec.Key, int64(rec.Version))
		case 3:
			sel := store.Selector{Key: rec.Key}
			if rand.IntN(2) == 0 {
				sel = store.Selector{Ref: rec.Refs[0]}
			}
			say("ending", rec.Key, 0)
			end := store.End{Reason: "user_logout", At: time.Now(), Until: time.Now().Add(time.Hour)}
			if got, err := s.End(ctx, sel, end); err != nil || len(got) != 1 {
				return fmt.Errorf("End: %d, %w", len(got), err)
			}
			say("ended", rec.Key, 0)
			mine[at] = mine[len(mine)-1]
			mine = mine[:len(mine)-1]
		}
	}
}

// known is what the lines of the children say about a session.
type known struct {
	ending, ended bool
	version       uint64
	active        int64 // of touches that are older than the bound
}

// kill -9 at random points: no logged-in session is lost, none that has ended
// comes back, and of the last activity no more than the bound is lost.
func TestKilled(t *testing.T) { // C5, C6
	path := filepath.Join(t.TempDir(), "sessions.db")
	sessions := make(map[store.Key]*known)
	ends, touches := 0, 0
	for range 4 {
		lines, killed := crashOnce(t, path)
		for _, line := range lines {
			var what string
			var hex []byte
			var n, at int64
			if _, err := fmt.Sscanf(line, "%s %x %d %d", &what, &hex, &n, &at); err != nil || len(hex) != 32 {
				t.Fatalf("line %q: %v", line, err)
			}
			k := sessions[store.Key(hex)]
			if k == nil {
				k = new(known)
				sessions[store.Key(hex)] = k
			}
			switch what {
			case "created", "replaced":
				k.version = uint64(n)
			case "touched":
				if at < killed.Add(-crashFlush-crashSlack).UnixMilli() {
					k.active = n
					touches++
				}
			case "ending":
				k.ending = true
			case "ended":
				k.ended = true
				ends++
			}
		}
		checkAfterCrash(t, path, sessions)
	}
	t.Logf("%d sessions, %d ended, %d touches older than the bound", len(sessions), ends, touches)
	if ends == 0 || touches == 0 {
		t.Fatal("the children did too little to show anything")
	}
}

// crashOnce runs a child for a while and returns what it said.
func crashOnce(t *testing.T, path string) (lines []string, killed time.Time) {
	t.Helper()
	cmd := startChild(t, "crash", path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReader(out)
	var end <-chan time.Time
	kill := make(chan time.Time, 1)
	for {
		line, err := in.ReadString('\n')
		if err != nil { // a line that was cut off says nothing
			break
		}
		if lines = append(lines, strings.TrimSpace(line)); end == nil {
			end = time.After(crashSlack + time.Duration(200+rand.IntN(1000))*time.Millisecond)
			go func() {
				<-end
				kill <- time.Now()
				cmd.Process.Kill()
			}()
		}
	}
	if err := cmd.Wait(); cmd.ProcessState.ExitCode() != -1 {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return lines, <-kill
}

func checkAfterCrash(t *testing.T, path string, sessions map[store.Key]*known) {
	t.Helper()
	s, err := boltstore.Open(path, boltstore.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for key, k := range sessions {
		rec, err := s.Load(t.Context(), key)
		switch {
		case k.ended && !errors.Is(err, store.ErrEnded):
			t.Fatalf("an ended session answers %v", err)
		case err != nil && !errors.Is(err, store.ErrEnded):
			t.Fatalf("a session is lost: %v", err)
		case err != nil && !k.ending:
			t.Fatal("a session has ended that nobody ended")
		case rec.Version < k.version:
			t.Fatalf("version %d, it was %d", rec.Version, k.version)
		case rec.Active.UnixMilli() < k.active:
			t.Fatalf("the last activity is %d ms older than the bound allows", k.active-rec.Active.UnixMilli())
		}
		live, lerr := s.List(t.Context(), rec.Refs[0])
		if lerr != nil || len(live) != map[bool]int{true: 1}[err == nil] {
			t.Fatalf("List finds %d, %v; Load answers %v", len(live), lerr, err)
		}
	}
}
