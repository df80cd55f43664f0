package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/redisstore"
)

// redisSubjects adds what lives on a Redis server; more is false without one.
func redisSubjects(ctx context.Context, addr string, tandem func(string, rp.Store) error, add func(string, http.Handler, []*http.Cookie)) (more bool, stop func(), err error) {
	var closers []func()
	stop = func() {
		for i := len(closers) - 1; i >= 0; i-- {
			closers[i]()
		}
	}
	if addr == "" {
		var kill func()
		if addr, kill, err = startRedis(ctx); err != nil {
			return false, stop, nil
		}
		closers = append(closers, kill)
	}
	client := rueidis.ClientOption{InitAddress: []string{addr}}
	if err := redisFloor(ctx, client, add, &closers); err != nil {
		return false, stop, err
	}
	for _, row := range []struct {
		name  string
		cache int
	}{{"redisstore hot", 0}, {"redisstore cold", 1}} {
		store, err := redisstore.New(ctx, redisstore.Options{Client: client, CacheBytes: row.cache, Prefix: row.name + ":"})
		if err != nil {
			return false, stop, err
		}
		closers = append(closers, func() { _ = store.Close() })
		if err := tandem(row.name, store); err != nil {
			return false, stop, err
		}
	}
	pool := &redis.Pool{MaxIdle: connections, DialContext: func(ctx context.Context) (redis.Conn, error) { return redis.DialContext(ctx, "tcp", addr) }}
	closers = append(closers, func() { _ = pool.Close() })
	for _, touch := range []bool{false, true} {
		h, c := scsApp(scsRedis{pool}, touch)
		add("scs Redis, 3 KB, "+map[bool]string{false: "read", true: "touch"}[touch], h, c)
	}
	return true, stop, nil
}

// redisFloor is one bare GET of 3 KB.
func redisFloor(ctx context.Context, o rueidis.ClientOption, add func(string, http.Handler, []*http.Cookie), closers *[]func()) error {
	o.DisableCache = true
	client, err := rueidis.NewClient(o)
	if err != nil {
		return err
	}
	*closers = append(*closers, client.Close)
	if err := client.Do(ctx, client.B().Set().Key("floor").Value(string(make([]byte, 3<<10))).Build()).Error(); err != nil {
		return err
	}
	add("floor of Redis: one bare GET of 3 KB", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := client.Do(r.Context(), client.B().Get().Key("floor").Build()).AsBytes(); err == nil {
			bare.ServeHTTP(w, r)
		}
	}), nil)
	return nil
}

func startRedis(ctx context.Context) (addr string, kill func(), err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	addr = l.Addr().String()
	_ = l.Close()
	_, port, _ := net.SplitHostPort(addr)
	cmd := exec.CommandContext(ctx, "redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no")
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	kill = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	for range 100 {
		c, err := net.DialTimeout("tcp", addr, 100*time.Millisecond)
		if err == nil {
			_ = c.Close()
			return addr, kill, nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	kill()
	return "", nil, fmt.Errorf("redis-server does not answer at %s", addr)
}

// scsRedis does what scs' own redisstore does, command for command.
type scsRedis struct{ pool *redis.Pool }

func (s scsRedis) Find(token string) ([]byte, bool, error) {
	c := s.pool.Get()
	defer func() { _ = c.Close() }()
	b, err := redis.Bytes(c.Do("GET", "scs:session:"+token))
	if err == redis.ErrNil {
		return nil, false, nil
	}
	return b, err == nil, err
}

func (s scsRedis) Commit(token string, b []byte, expiry time.Time) error {
	c := s.pool.Get()
	defer func() { _ = c.Close() }()
	if err := c.Send("MULTI"); err != nil {
		return err
	}
	if err := c.Send("SET", "scs:session:"+token, b); err != nil {
		return err
	}
	if err := c.Send("PEXPIREAT", "scs:session:"+token, expiry.UnixMilli()); err != nil {
		return err
	}
	_, err := c.Do("EXEC")
	return err
}

func (s scsRedis) Delete(token string) error {
	c := s.pool.Get()
	defer func() { _ = c.Close() }()
	_, err := c.Do("DEL", "scs:session:"+token)
	return err
}
