package servertest

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Redis is a running redis-server with an append-only file, so that it has its
// data again after Stop or Kill, and Start.
type Redis struct {
	*server
	dir string
}

// StartRedis starts one. Further arguments are passed on to redis-server. The
// caller calls Close.
func StartRedis(args ...string) (*Redis, error) {
	bin, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errors.New("servertest: redis-server is not in PATH: install it (Debian: apt-get install " +
			"redis-server)")
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "tandem-redis-")
	if err != nil {
		return nil, err
	}
	r := &Redis{dir: dir, server: &server{
		Addr: fmt.Sprintf("127.0.0.1:%d", port),
		stop: syscall.SIGTERM,
		log:  filepath.Join(dir, "log"),
	}}
	r.start = func() *exec.Cmd {
		cmd := exec.Command(bin, append([]string{
			"--bind", "127.0.0.1", "--port", strconv.Itoa(port), "--dir", dir,
			"--save", "", "--appendonly", "yes", "--appendfsync", "no",
		}, args...)...)
		cmd.Dir = dir
		return cmd
	}
	r.ready = func() error { return redisPing(r.Addr) }
	if err := r.Start(); err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	return r, nil
}

// redisPing waits for the end of loading, too. Who wants to know who asks is up.
func redisPing(addr string) error {
	answer, err := redisDo(addr, "PING")
	if err == nil && answer != "+PONG" && !strings.HasPrefix(answer, "-NOAUTH") {
		return errors.New(answer)
	}
	return err
}

// redisDo sends an inline command and returns what comes back, in one piece.
func redisDo(addr, cmd string) (string, error) {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return "", err
	}
	defer func() { _ = c.Close() }()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c.Write([]byte(cmd + "\r\n")); err != nil {
		return "", err
	}
	b := make([]byte, 64<<10)
	n, err := c.Read(b)
	return strings.TrimSpace(string(b[:n])), err
}

// Close kills the server and removes its data.
func (r *Redis) Close() {
	r.Kill()
	_ = os.RemoveAll(r.dir)
}
