package redisstore

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"
)

const oldestVersion = 7

// hello asks a server what it is: the id that it has given to this connection, and
// its version.
func hello(ctx context.Context, node rueidis.Client) (id int64, version string, err error) {
	m, err := node.Do(ctx, node.B().Hello().Build()).AsMap()
	if err != nil {
		return 0, "", err
	}
	what, number := m["version"], m["id"]
	if version, err = what.ToString(); err != nil {
		return 0, "", err
	}
	id, err = number.AsInt64()
	return id, version, err
}

// checkVersion refuses servers that are too old. Valkey names the version of Redis
// that it is compatible with, or its own, which is higher.
func (s *Store) checkVersion(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	nodes := s.db.Nodes()
	var unreachable error
	asked := 0
	for _, addr := range slices.Sorted(maps.Keys(nodes)) {
		_, version, err := hello(limited, nodes[addr])
		if re, ok := rueidis.IsRedisErr(err); ok && strings.Contains(re.Error(), "unknown command") {
			version, err = "5 or older", nil // HELLO came with 6
		}
		if err != nil {
			unreachable = err
			continue
		}
		if err := judgeVersion(addr, version); err != nil {
			return err
		}
		asked++
	}
	if asked == 0 {
		return s.failure(ctx, errors.Join(errors.New("no server says what it is"), unreachable))
	}
	return nil
}

func judgeVersion(addr, version string) error {
	major, _, _ := strings.Cut(version, ".")
	if n, err := strconv.Atoi(major); err == nil && n >= oldestVersion {
		return nil
	}
	return fmt.Errorf("redisstore: the server at %s is Redis %.20q: version 7 or later is needed, "+
		"because an older one refuses log-outs when its memory is full", addr, version)
}
