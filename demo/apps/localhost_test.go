package apps_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/demo/apps"
)

// A machine that does not know *.localhost: the demo's own calls reach it all the same, as
// no resolver is asked (RFC 6761 §6.3).
func TestLocalNamesNeedNoResolver(t *testing.T) {
	was := net.DefaultResolver
	defer func() { net.DefaultResolver = was }()
	var asked int
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		asked++
		return nil, errors.New("there is no resolver")
	}}
	app := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_,
			_ = w.Write([]byte(r.Host))
	}))
	defer app.Close()
	_, port, err := net.SplitHostPort(app.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	transport := apps.LocalTransport()
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	for _, name := range []string{"notes.localhost", "a.b.localhost", "NOTES.LOCALHOST", "localhost",
		"notes.localhost."} {
		resp, err := client.Get("http://" + name + ":" + port)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
	if asked != 0 {
		t.Errorf("a resolver was asked %d times", asked)
	}
	for _, name := range []string{"notlocalhost", "localhost.example", "notes.localhost.example"} {
		if apps.IsLocal(name) {
			t.Errorf("%s is taken for this machine", name)
		}
	}
	if _, err := client.Get("http://notes.example:" + port); err == nil || !strings.Contains(err.Error(),
		"there is no resolver") || asked == 0 {
		t.Errorf("another name: %v, asked %d times", err, asked)
	}
}
