package servertest

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// RedisCluster is several Redis masters that share the slots.
type RedisCluster struct{ Nodes []*Redis }

// StartRedisCluster starts n of them and waits until they know each other. Further
// arguments are passed on to each redis-server. The caller calls Close.
func StartRedisCluster(n int, args ...string) (*RedisCluster, error) {
	c := new(RedisCluster)
	if err := c.start(n, args); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *RedisCluster) start(n int, args []string) error {
	var meet string
	for i := range n {
		bus, err := freePort()
		if err != nil {
			return err
		}
		r, err := StartRedis(append([]string{"--cluster-enabled", "yes", "--cluster-port", strconv.Itoa(bus)},
			args...)...)
		if err != nil {
			return err
		}
		c.Nodes = append(c.Nodes, r)
		cmds := []string{
			fmt.Sprintf("CLUSTER ADDSLOTSRANGE %d %d", 16384*i/n, 16384*(i+1)/n-1),
			fmt.Sprintf("CLUSTER SET-CONFIG-EPOCH %d", i+1),
		}
		if i == 0 {
			meet = fmt.Sprintf("CLUSTER MEET %s %d", strings.Replace(r.Addr, ":", " ", 1), bus)
		} else {
			cmds = append(cmds, meet)
		}
		for _, cmd := range cmds {
			if answer, err := redisDo(r.Addr, cmd); err != nil || answer != "+OK" {
				return fmt.Errorf("servertest: %s: %q, %v", cmd, answer, err)
			}
		}
	}
	return c.wait()
}

// wait until every node knows every slot.
func (c *RedisCluster) wait() error {
	deadline := time.Now().Add(30 * time.Second)
	for _, r := range c.Nodes {
		for {
			info, err := redisDo(r.Addr, "CLUSTER INFO")
			if err == nil && strings.Contains(info, "cluster_state:ok") &&
				strings.Contains(info, fmt.Sprintf("cluster_known_nodes:%d", len(c.Nodes))) {
				break
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("servertest: the cluster does not come up: %s, %v", info, err)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return nil
}

// Close kills all nodes and removes their data.
func (c *RedisCluster) Close() {
	for _, r := range c.Nodes {
		r.Close()
	}
}
