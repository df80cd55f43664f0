package redisstore_test

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
)

// A failover loses what the replica has not got. With WaitReplicas no End that has
// succeeded is among it.
func TestFailover(t *testing.T) { // C5
	ctx := t.Context()
	master := start(t, "--repl-diskless-sync-delay", "0")
	link, err := servertest.StartProxy(master.Addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(link.Close)
	host, port, err := net.SplitHostPort(link.Addr)
	if err != nil {
		t.Fatal(err)
	}
	replica := start(t, "--replicaof", host, port)
	eventually(t, "the replica follows", func() bool {
		n, err := command(t, master.Addr, "WAIT", "1", "1000").AsInt64()
		return err == nil && n == 1
	})

	o := redisstore.Options{Prefix: newPrefix()}
	careless := open(t, master.Addr, o)
	o.WaitReplicas = 1
	patient := open(t, master.Addr, o)
	o.Timeout = 500 * time.Millisecond
	careful := open(t, master.Addr, o)
	end := store.End{Reason: "user_logout", At: time.Now(), Until: time.Now().Add(time.Hour)}
	logout := func(s *redisstore.Store, i, want int) error {
		t.Helper()
		got, err := s.End(ctx, store.Selector{Ref: nth('s', i)}, end)
		if len(got) != want {
			t.Errorf("End returns %d records beside %v, want %d", len(got), err, want)
		}
		if isAnswer(err) {
			t.Errorf("End: %v", err)
		}
		return err
	}
	for i := range 4 {
		if err := careless.Create(ctx, record(i)); err != nil {
			t.Fatal(err)
		}
	}
	if err := logout(patient, 0, 1); err != nil {
		t.Errorf("the replica follows, and End fails: %v", err)
	}
	link.Stall()
	started := time.Now()
	if err := logout(careful, 1, 1); err == nil || !strings.Contains(err.Error(), "on 0 replicas") {
		t.Errorf("no replica has it, and End says %v", err)
	}
	if took := time.Since(started); took > 4*o.Timeout {
		t.Errorf("End took %v, the timeout is %v", took, o.Timeout)
	}
	if err := logout(careful, 1, 0); err == nil {
		t.Error("tried again, and still no replica has it")
	}
	if _, err := careful.Load(ctx, nth('k', 1)); !errors.Is(err, store.ErrEnded) {
		t.Errorf("a session that is not on a replica has not ended here: %v", err)
	}
	link.Restore()
	eventually(t, "it is on the replica", func() bool { return logout(patient, 1, 0) == nil })

	link.Stall()
	if err := logout(careless, 2, 1); err != nil {
		t.Error(err)
	}
	master.Kill()
	if err := command(t, replica.Addr, "REPLICAOF", "NO", "ONE").Error(); err != nil {
		t.Fatal(err)
	}
	after := open(t, replica.Addr, redisstore.Options{Prefix: o.Prefix})
	for i, want := range []error{store.ErrEnded, store.ErrEnded, nil /* it was acknowledged, and is undone */, nil} {
		if _, err := after.Load(ctx, nth('k', i)); !errors.Is(err, want) {
			t.Errorf("session %d after the failover: %v, want %v", i, err, want)
		}
	}
	for i, want := range []error{store.ErrEnded, store.ErrEnded, nil, nil} {
		late := record(10 + i)
		late.Refs = []store.Key{nth('s', i)}
		if err := after.Create(ctx, late); !errors.Is(err, want) {
			t.Errorf("a log-in after logout %d and the failover: %v, want %v", i, err, want)
		}
	}
}

// In a Cluster the sessions of one person are on several masters, and each has to
// have its replicas.
func TestWaitOnCluster(t *testing.T) {
	c, err := servertest.StartRedisCluster(2)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s := open(t, c.Nodes[0].Addr, redisstore.Options{WaitReplicas: 1, Timeout: 500 * time.Millisecond})
	const n = 20
	for i := range n {
		rec := record(i)
		rec.Refs = []store.Key{nth('u', 0)}
		if err := s.Create(t.Context(), rec); err != nil {
			t.Fatal(err)
		}
	}
	end := store.End{Reason: "user_logout", At: time.Now(), Until: time.Now().Add(time.Hour)}
	got, err := s.End(t.Context(), store.Selector{Ref: nth('u', 0)}, end)
	if len(got) != n || err == nil || isAnswer(err) || !strings.Contains(err.Error(), "on 0 replicas") {
		t.Errorf("%d records, %v", len(got), err)
	}
}

func isAnswer(err error) bool {
	return errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrEnded)
}

// eventually asks until the answer is yes, for as long as servers may take.
func eventually(t *testing.T, what string, yes func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !yes(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not in time: %s", what)
		}
	}
}
