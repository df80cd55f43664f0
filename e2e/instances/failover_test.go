package instances

import (
	"net/http"
	"testing"
	"time"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp"
)

// C5, C8: the server dies and comes back as it was before the log-outs that it had
// acknowledged, as a replica does that had not got them. They are carried out again, by
// the instance that made each, and nobody hears of them twice.
func TestRedisLosesLogouts(t *testing.T) {
	server, err := servertest.StartRedis("--appendonly", "no") // only SAVE keeps anything
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	w := newWorld(t, func() closer { return openRedis(t, server) })
	one, two := w.instance(), w.instance()
	this, that := w.login(one), w.login(two)
	for _, c := range []*http.Cookie{this, that} {
		if got := one.get(t.Context(), "/", c); got.Code != http.StatusOK {
			t.Fatalf("%d %s", got.Code, got.Body)
		}
	}
	save(t, server)

	w.idp.Advance(time.Second)
	sessions := w.idp.Sessions()
	token, err := w.idp.LogoutToken("notes", sessions[len(sessions)-1])
	if err != nil {
		t.Fatal(err)
	}
	if code := two.logout(token); code != http.StatusOK {
		t.Fatalf("logout token: %d", code)
	}
	if n, err := one.auth.EndSessions(t.Context(), rp.Whose{Subject: "ada"}); err != nil || n != 1 {
		t.Fatalf("EndSubject: %d, %v", n, err)
	}
	gone := func(in *instance, c *http.Cookie) bool { return in.get(t.Context(), "/", c).Code == http.StatusFound }
	if !gone(one, this) || !gone(two, that) {
		t.Fatal("the log-outs do not work at all")
	}
	settled := func() int32 { return one.store.settled.Load() + two.store.settled.Load() }
	w.eventually("both have been reported, and then cleaned up", func() bool { return settled() == 4 })

	server.Kill()
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	w.eventually("both have been cleaned up again, by whoever was first", func() bool { return settled() == 8 })
	if !gone(one, this) || !gone(two, this) || !gone(one, that) || !gone(two, that) {
		t.Error("a session that was logged out is served")
	}
	if a, b := one.ends.Load(), two.ends.Load(); a != 1 || b != 1 {
		t.Errorf("the instances have reported %d and %d ends, want one each", a, b)
	}

	w.idp.Advance(time.Second)
	if later := w.login(two); one.get(t.Context(), "/", later).Code != http.StatusOK {
		t.Error("a log-in that was started after the log-outs is refused")
	}
}

// save has the server write what it has to its disk.
func save(t *testing.T, server *servertest.Redis) {
	t.Helper()
	c, err := rueidis.NewClient(rueidis.ClientOption{InitAddress: []string{server.Addr}, DisableCache: true,
		ForceSingleClient: true})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Do(t.Context(), c.B().Save().Build()).Error(); err != nil {
		t.Fatal(err)
	}
}
