package memnet_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/memnet"
)

func hello(name string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, name+r.URL.Path) })
}

func get(t *testing.T, c *http.Client, url string) string {
	t.Helper()
	resp, err := c.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

// Two hosts, both schemes, any port, in a bubble where time is virtual.
func TestNetworkInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := memnet.New()
		defer n.Close()
		for _, host := range []string{"a.example", "b.example"} {
			stop, err := n.Serve(host, hello(host))
			if err != nil {
				t.Fatal(err)
			}
			defer stop()
		}
		c := n.Client()
		for url, want := range map[string]string{"http://a.example/x": "a.example/x",
			"https://b.example/y": "b.example/y", "http://a.example:8080/z": "a.example/z"} {
			if got := get(t, c, url); got != want {
				t.Errorf("%s: %q", url, got)
			}
		}
		begun := time.Now()
		time.Sleep(time.Hour)
		if time.Since(begun) != time.Hour {
			t.Error("time is not virtual")
		}
	})
}

func TestNobodyListens(t *testing.T) {
	n := memnet.New()
	defer n.Close()
	if _, err := n.Client().Get("http://nobody.example/"); err == nil ||
		!strings.Contains(err.Error(), "connection refused") {
		t.Error(err)
	}
}

// A host can go away, come back on the same name, and fail on demand.
func TestOutage(t *testing.T) {
	n := memnet.New()
	defer n.Close()
	c := n.Client()
	stop, err := n.Serve("a.example", hello("first"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Listen("a.example"); err == nil {
		t.Error("two listeners on one name")
	}
	get(t, c, "http://a.example/")
	stop()
	if _, err := c.Get("http://a.example/"); err == nil {
		t.Error("a stopped server answered")
	}
	stop, err = n.Serve("a.example", hello("second"))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if got := get(t, c, "http://a.example/"); got != "second/" {
		t.Error(got)
	}
	down := errors.New("no route")
	n.Fail("a.example", down)
	c.CloseIdleConnections()
	if _, err := c.Get("http://a.example/"); !errors.Is(err, down) {
		t.Error(err)
	}
	n.Fail("a.example", nil)
	get(t, c, "http://a.example/")
}

// A dial to a listener that accepts nobody ends with its context.
func TestDialObeysItsContext(t *testing.T) {
	n := memnet.New()
	defer n.Close()
	if _, err := n.Listen("deaf.example"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Dial(ctx, "tcp", "deaf.example:80"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func Example() {
	n := memnet.New()
	defer n.Close()
	stop, err := n.Serve("app.example", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello from ", r.Host)
	}))
	if err != nil {
		panic(err)
	}
	defer stop()
	resp, err := n.Client().Get("https://app.example/")
	if err != nil {
		panic(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	fmt.Println(string(body))
	// Output: hello from app.example
}
