package redisstore_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/redis/rueidis"

	"github.com/tandem-sso/tandem/internal/printtest"
	"github.com/tandem-sso/tandem/rp/store/redisstore"
)

const plantedPassword = "the-password-that-is-planted-here"

var planted = printtest.Secrets{"password": plantedPassword}

// Nothing that the package exports prints a secret.
func TestNothingPrints(t *testing.T) {
	o := redisstore.Options{Client: rueidis.ClientOption{
		InitAddress: []string{"127.0.0.1:1"}, Username: "ada", Password: plantedPassword,
		Sentinel: rueidis.SentinelOption{MasterSet: "m", Username: "ada", Password: plantedPassword},
	}}
	s, err := redisstore.New(t.Context(), redisstore.Options{Prefix: newPrefix(),
		Client: rueidis.ClientOption{InitAddress: []string{shared(t).Addr}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	printtest.Types(t, planted, map[string][]any{"Options": {o}, "Store": {s}})
	printtest.Check(t, "a pointer to Options", planted, []*redisstore.Options{&o})
}

// A server that cannot be reached, that knows no such password, or that repeats it.
func TestErrorsHideThePassword(t *testing.T) {
	for name, addr := range map[string]string{
		"nobody": "127.0.0.1:1", "no password": shared(t).Addr, "an echo": echoing(t),
	} {
		for how, url := range map[string]string{
			"": "redis://ada:" + plantedPassword + "@" + addr + "/0", "without a port": "redis://ada:" +
				plantedPassword + "@x:y/0",
		} {
			_, err := redisstore.Open(t.Context(), url, redisstore.Options{})
			if err == nil {
				t.Fatalf("%s %s: open", name, how)
			}
			printtest.Check(t, name+" "+how, planted, err)
		}
	}
}

// echoing answers as Redis does to commands that it does not know: with their arguments.
func echoing(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			work.Go(func() {
				defer c.Close()
				in := bufio.NewReader(c)
				for {
					args, err := readCommand(in)
					if err != nil {
						return
					}
					fmt.Fprintf(c, "-ERR unknown command '%s', with args beginning with: '%s'\r\n", args[0],
						strings.Join(args[1:], "' '"))
				}
			})
		}
	})
	t.Cleanup(func() { l.Close(); work.Wait() })
	return l.Addr().String()
}

// readCommand reads one: *2 $4 AUTH $1 x.
func readCommand(in *bufio.Reader) ([]string, error) {
	number := func(prefix string) (int, error) {
		line, err := in.ReadString('\n')
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(strings.TrimPrefix(strings.TrimSpace(line), prefix))
	}
	n, err := number("*")
	if err != nil {
		return nil, err
	}
	args := make([]string, n)
	for i := range args {
		size, err := number("$")
		if err != nil {
			return nil, err
		}
		b := make([]byte, size+2)
		if _, err := io.ReadFull(in, b); err != nil {
			return nil, err
		}
		args[i] = string(b[:size])
	}
	return args, nil
}
