package deploy

import (
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/internal/servertest"
)

// Keys are rolled in the three steps of docs/deploy.md, one instance after the other:
// nobody is logged out, whichever instance serves.
func TestKeyRolling(t *testing.T) {
	server, err := servertest.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	old, fresh := sealKey, strings.Repeat("42", 32)
	a := newApp(t, "redis://"+server.Addr+"/0", 2, "")
	one, two := a.start(0, old), a.start(1, old)
	ada := a.signIn()
	served := func(step string) {
		t.Helper()
		for i := range a.addrs {
			if !a.serves(ada, i) {
				t.Errorf("%s: instance %d does not serve who was logged in before", step, i+1)
			}
		}
		bob := a.signIn() // who logs in during the step is served by all
		for i := range a.addrs {
			if !a.serves(bob, i) {
				t.Errorf("%s: instance %d does not serve who has just logged in", step, i+1)
			}
		}
	}
	served("before")
	for _, step := range []string{old + "," + fresh, fresh + "," + old} {
		one.Stop()
		one = a.start(0, step)
		served("half of a step")
		two.Stop()
		two = a.start(1, step)
		served("a step")
	}
	// The third step waits until every session that the old key has sealed is over.
	last := a.signIn()
	one.Stop()
	a.start(0, fresh)
	if !a.serves(last, 0) {
		t.Error("after the last step: what the new key has sealed is not served")
	}
}

// The first step is needed: who leaves it out has two instances that cannot read each
// other's sessions.
func TestKeyRollingInOneStep(t *testing.T) {
	server, err := servertest.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	a := newApp(t, "redis://"+server.Addr+"/0", 2, "")
	a.start(0, strings.Repeat("42", 32)+","+sealKey)
	a.start(1, sealKey)
	if p := a.signIn(); !a.serves(p, 0) || a.serves(p, 1) {
		t.Error("the instance with the old key alone serves what the new key has sealed")
	}
}
