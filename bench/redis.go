package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"sync/atomic"
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
	open := func(name string, cacheBytes int) (rp.Store, error) {
		store, err := redisstore.New(ctx, redisstore.Options{Client: client, CacheBytes: cacheBytes, Prefix: name + ":"})
		if err == nil {
			closers = append(closers, func() { _ = store.Close() })
		}
		return store, err
	}
	store, err := open("hot", 0)
	if err == nil {
		err = tandem("redisstore hot", store)
	}
	if err != nil {
		return false, stop, err
	}
	if err := redisFloor(ctx, client, add, &closers); err != nil {
		return false, stop, err
	}
	if store, err = open("cold", 1); err != nil {
		return false, stop, err
	}
	unseen := &cold{Store: store}
	if err := tandem("redisstore cold", unseen); err != nil {
		return false, stop, err
	}
	unseen.on.Store(true)
	pool := &redis.Pool{MaxIdle: connections, DialContext: func(ctx context.Context) (redis.Conn, error) { return redis.DialContext(ctx, "tcp", addr) }}
	closers = append(closers, func() { _ = pool.Close() })
	for _, touch := range []bool{false, true} {
		h, c := scsApp(scsRedis{pool}, touch)
		add("scs Redis, 3 KB, "+map[bool]string{false: "read", true: "touch"}[touch], h, c)
	}
	return true, stop, nil
}

// cold makes every session one that this process has not seen before: it comes
// from the server and is unsealed and decoded.
type cold struct {
	rp.Store
	on      atomic.Bool // after the log-ins, which write
	version atomic.Uint64
}

func (c *cold) Load(ctx context.Context, key rp.Key) (rp.Record, error) {
	rec, err := c.Store.Load(ctx, key)
	if err == nil && c.on.Load() {
		rec.Version = 1<<32 + c.version.Add(1)
	}
	return rec, err
}

// redisFloor is the least that a session on a server costs: one bare GET, and the
// same with what reading a sealed record takes at least.
func redisFloor(ctx context.Context, o rueidis.ClientOption, add func(string, http.Handler, []*http.Cookie), closers *[]func()) error {
	o.DisableCache = true
	client, err := rueidis.NewClient(o)
	if err != nil {
		return err
	}
	*closers = append(*closers, client.Close)
	block, err := aes.NewCipher(make([]byte, 32))
	if err != nil {
		return err
	}
	gcm, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return err
	}
	var plain []byte
	for i := range fields {
		plain = binary.AppendUvarint(plain, 3<<10/fields)
		plain = append(plain, bytes.Repeat([]byte{byte(i)}, 3<<10/fields)...)
	}
	if err := client.Do(ctx, client.B().Set().Key("floor").Value(string(gcm.Seal(nil, nil, plain, nil))).Build()).Error(); err != nil {
		return err
	}
	get := func(ctx context.Context) ([]byte, error) {
		return client.Do(ctx, client.B().Get().Key("floor").Build()).AsBytes()
	}
	add("floor of Redis: one bare GET of 3 KB", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := get(r.Context()); err == nil {
			bare.ServeHTTP(w, r)
		}
	}), nil)
	add("floor of Redis: GET, unseal, decode", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sealed, err := get(r.Context())
		if err != nil {
			return
		}
		plain, err := gcm.Open(nil, nil, sealed, nil)
		if err != nil {
			return
		}
		if d := decode(plain); len(d.field[fields-1]) > 0 {
			bare.ServeHTTP(w, r)
		}
	}), nil)
	return nil
}

const fields = 24

type decoded struct{ field [fields]string }

func decode(plain []byte) *decoded {
	text, d := string(plain), &decoded{}
	for i := range d.field {
		n, size := binary.Uvarint(plain)
		d.field[i] = text[size : size+int(n)]
		plain, text = plain[size+int(n):], text[size+int(n):]
	}
	return d
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
