package main

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
	"net/http"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/internal/servertest"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
)

// redisSubjects adds what lives on a Redis server, if there is one.
func redisSubjects(ctx context.Context, addr string, tandem func(string, store.Store) error,
	add func(string, http.Handler, []*http.Cookie), after *cleanup) error {
	if addr == "" {
		server, err := startRedis()
		if err != nil {
			fmt.Println("(no Redis: those rows are left out)")
			return nil
		}
		after.add(server.Close)
		addr = server.Addr
	}
	client := rueidis.ClientOption{InitAddress: []string{addr}}
	open := func(name string, cacheBytes int) (store.Store, error) {
		kept, err := redisstore.New(ctx, redisstore.Options{Client: client, CacheBytes: cacheBytes, Prefix: name + ":"})
		if err == nil {
			after.add(func() { _ = kept.Close() })
		}
		return kept, err
	}
	kept, err := open("hot", 0)
	if err == nil {
		err = tandem("redisstore hot", kept)
	}
	if err != nil {
		return err
	}
	if err := redisFloor(ctx, client, add, after); err != nil {
		return err
	}
	if kept, err = open("cold", 1); err == nil {
		err = coldly("redisstore cold", kept, tandem)
	}
	if err != nil {
		return err
	}
	pool := &redis.Pool{MaxIdle: connections, DialContext: func(ctx context.Context) (redis.Conn, error) {
		return redis.DialContext(ctx, "tcp", addr)
	}}
	after.add(func() { _ = pool.Close() })
	for _, touch := range []bool{false, true} {
		h, c := scsApp(scsRedis{pool}, touch)
		add("scs Redis, 3 KB, "+map[bool]string{false: "read", true: "touch"}[touch], h, c)
	}
	return nil
}

func startRedis() (*servertest.Redis, error) { return servertest.StartRedis("--appendonly", "no") }

// redisFloor is the least that a session on a server costs: one bare GET, and the
// same with what reading a sealed record takes at least.
func redisFloor(ctx context.Context, o rueidis.ClientOption, add func(string, http.Handler, []*http.Cookie),
	after *cleanup) error {
	o.DisableCache = true
	client, err := rueidis.NewClient(o)
	if err != nil {
		return err
	}
	after.add(client.Close)
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
	if err := client.Do(ctx, client.B().Set().Key("floor").Value(
		string(gcm.Seal(nil, nil, plain, nil))).Build()).Error(); err != nil {
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
