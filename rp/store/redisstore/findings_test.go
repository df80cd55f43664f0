package redisstore

import (
	"slices"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/rp/store"
)

func TestJudge(t *testing.T) {
	const good = "role:master\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\nused_memory:900\r\n" +
		"aof_enabled:1\r\nrdb_last_bgsave_status:ok\r\naof_last_write_status:ok\r\nconnected_slaves:0\r\n" +
		"cluster_enabled:0\r\n"
	for name, tt := range map[string]struct {
		change string // a line in place of another of the same name
		wait   int
		want   []string // codes, those that are serious with an exclamation mark
	}{
		"all is well":            {},
		"eviction without limit": {"maxmemory_policy:volatile-lru", 0, []string{"redis_eviction"}},
		"eviction":               {"maxmemory_policy:volatile-lru\r\nmaxmemory:1000", 0, []string{"redis_eviction!"}},
		"full":                   {"maxmemory:900", 0, []string{"redis_full!"}},
		"not yet full":           {"maxmemory:901", 0, nil},
		"disk":                   {"rdb_last_bgsave_status:err", 0, []string{"redis_disk!"}},
		"disk of the log":        {"aof_last_write_status:err", 0, []string{"redis_disk!"}},
		"not durable":            {"aof_enabled:0", 0, []string{"redis_persistence!"}},
		"a replica has it": {"aof_enabled:0\r\nconnected_slaves:1", 1,
			[]string{"redis_persistence", "redis_split"}},
		"failover":             {"connected_slaves:2", 0, []string{"redis_failover"}},
		"waits":                {"connected_slaves:2", 1, []string{"redis_split"}},
		"waits and is bounded": {"connected_slaves:2\r\nmin_slaves_good_slaves:2", 1, nil},
		"waits in vain":        {"connected_slaves:1", 2, []string{"redis_wait!"}},
		"replica":              {"role:slave", 0, []string{"redis_replica!"}},
		"replica of a cluster": {"role:slave\r\ncluster_enabled:1", 0, nil},
	} {
		var got []string
		for _, f := range judge("redis-1:6379", parseInfo("# Memory\r\n"+good+tt.change+"\r\n"), tt.wait) {
			code := f.Code
			if f.Serious {
				code += "!"
			}
			got = append(got, code)
			if !strings.Contains(f.Text, "redis-1:6379") || strings.Contains(f.Text, "%!") {
				t.Errorf("%s: %s", name, f.Text)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
	if found := judge("a", nil, 0); len(found) != 0 {
		t.Errorf("a server that tells nothing: %v", found)
	}
}

func FuzzParseInfo(f *testing.F) {
	f.Add("# Server\r\nredis_version:7.0.15\r\n\r\nmaxmemory:12")
	f.Add(":\n#a:b")
	f.Fuzz(func(t *testing.T, text string) {
		for name, value := range parseInfo(text) {
			if strings.ContainsAny(name+value, "\n") || strings.HasPrefix(name, "#") {
				t.Fatalf("%q: %q", name, value)
			}
		}
		for _, f := range judge("a", parseInfo(text), 1) {
			if f == (store.Finding{}) {
				t.Fatal("an empty finding")
			}
		}
	})
}

func TestJudgeVersion(t *testing.T) {
	for version, good := range map[string]bool{
		"7.0.0": true, "7.2.5": true, "8.0.1": true, "10.0": true, "7": true,
		"6.2.14": false, "255.255.255": true, "": false, "x": false, "5 or older": false,
		strings.Repeat("6", 400): false,
	} {
		err := judgeVersion("a:1", version)
		if (err == nil) != good {
			t.Errorf("%.20q: %v", version, err)
		}
		if err != nil && (len(err.Error()) > 200 || !strings.Contains(err.Error(), "version 7 or later")) {
			t.Errorf("%q", err)
		}
	}
}
