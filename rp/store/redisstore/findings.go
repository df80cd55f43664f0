package redisstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/tandem-sso/tandem/rp/store"
)

// Findings looks how the servers are set up and says what an operator should know:
// what may lose sessions or log-outs. Call it after New; it costs one INFO for each
// server.
func (s *Store) Findings(ctx context.Context) []store.Finding {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	var found []store.Finding
	nodes := s.db.Nodes()
	for _, addr := range slices.Sorted(maps.Keys(nodes)) {
		node := nodes[addr]
		ask := node.B().Info().Section("memory", "persistence", "replication", "cluster").Build()
		text, err := node.Do(limited, ask).ToString()
		list := judge(addr, parseInfo(text), s.replicas)
		if err != nil {
			list = []store.Finding{{Code: "redis_unknown",
				Text: fmt.Sprintf("The Redis server at %s does not tell how it "+
					"is set up (INFO: %v): see for yourself that maxmemory-policy is noeviction and that it keeps "+
					"its data "+
					"over a restart.", addr, err)}}
		}
		for _, f := range list { // one of each kind is enough
			if !slices.ContainsFunc(found, func(old store.Finding) bool { return old.Code == f.Code }) {
				found = append(found, f)
			}
		}
	}
	return found
}

// parseInfo reads what INFO says. An unknown line is none.
func parseInfo(text string) map[string]string {
	info := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok && !strings.HasPrefix(name, "#") {
			info[name] = value
		}
	}
	return info
}

// judge says what of a server's INFO does not fit. wait is Options.WaitReplicas.
func judge(addr string, info map[string]string, wait int) (found []store.Finding) {
	say := func(serious bool, code, text string, args ...any) {
		text = "The Redis server at " + addr + " " + fmt.Sprintf(text, args...)
		found = append(found, store.Finding{Code: code, Serious: serious, Text: text})
	}
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(info[name], 10, 64) // absent: 0
		return n
	}
	if info["cluster_enabled"] == "1" && info["role"] == "slave" {
		return nil // its master is judged
	}
	if info["role"] == "slave" {
		say(true, "redis_replica", "is a replica: nothing can be written; name the master, or Sentinels, in "+
			"Options.Client.")
		return found
	}
	if policy := info["maxmemory_policy"]; policy != "" && policy != "noeviction" {
		say(number("maxmemory") > 0, "redis_eviction", "has maxmemory-policy %s: when its memory is full (maxmemory "+
			"%d) "+
			"it throws sessions away, and log-outs with them; set noeviction.", policy, number("maxmemory"))
	}
	if full := number("maxmemory"); full > 0 && number("used_memory") >= full {
		say(true, "redis_full", "is full (%d of %d bytes): nobody can log in; raise maxmemory.", number("used_memory"),
			full)
	}
	if info["rdb_last_bgsave_status"] == "err" || info["aof_last_write_status"] == "err" {
		say(true, "redis_disk", "cannot write to its disk: it may refuse every change, log-outs as well, "+
			"until that is repaired.")
	}
	replicas := number("connected_slaves")
	if info["aof_enabled"] == "0" {
		say(replicas == 0, "redis_persistence", "keeps no append-only file (appendonly no): after a restart "+
			"sessions are lost, and those that had ended since its last snapshot live again; set appendonly yes.")
	}
	_, atLeast := info["min_slaves_good_slaves"] // shown only if min-replicas-to-write is set
	switch {
	case int64(wait) > replicas:
		say(true, "redis_wait", "has %d replicas and Options.WaitReplicas demands %d: every log-out will be a failure.",
			replicas, wait)
	case replicas > 0 && wait == 0:
		say(false, "redis_failover", "has %d replicas: a failover loses what they have not got yet, and a log-out of "+
			"that moment is undone; Options.WaitReplicas lets a log-out wait for them.", replicas)
	case replicas > 0 && !atLeast:
		say(false, "redis_split", "goes on writing when it is cut off from its replicas, until a new master is "+
			"chosen, and then loses that: set min-replicas-to-write 1.")
	}
	return found
}
