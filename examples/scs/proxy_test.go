package scs_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/examples/internal/kit"
)

// proxy serves the app at listen below /notes, and returns where. It is nginx with nginx.conf;
// only outside the gate, where there is no nginx, net/http's own proxy stands in.
func proxy(t *testing.T, listen string) (base string) {
	t.Helper()
	nginx, err := exec.LookPath("nginx")
	if err != nil {
		nginx, err = exec.LookPath("/usr/sbin/nginx") // not in everybody's PATH
	}
	if err != nil && os.Getenv("TANDEM_GATE") != "" {
		t.Fatal("nginx is not installed")
	}
	if err != nil {
		server := httptest.NewServer(http.StripPrefix("/notes",
			&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(&url.URL{Scheme: "http", Host: listen})
				r.Out.Host = r.In.Host
			}}))
		t.Cleanup(server.Close)
		return server.URL + "/notes"
	}

	site, err := os.ReadFile("nginx.conf")
	if err != nil {
		t.Fatal(err)
	}
	dir, outside := t.TempDir(), kit.Address(t)
	ours := strings.NewReplacer("127.0.0.1:8080", outside, "127.0.0.1:9101", listen)
	conf := filepath.Join(dir, "nginx.conf")
	err = os.WriteFile(conf, fmt.Appendf(nil, `
daemon off;
master_process off; # so that one process is all there is to end
pid nginx.pid;
error_log stderr warn;
events {}
http {
	access_log off;
	client_body_temp_path body;
	proxy_temp_path proxy;
	fastcgi_temp_path fastcgi;
	uwsgi_temp_path uwsgi;
	scgi_temp_path scgi;
%s}`, ours.Replace(string(site))), 0o600)
	if err != nil {
		t.Fatal(err)
	}
	kit.Start(t, exec.Command(nginx, "-p", dir, "-c", conf, "-e", "stderr"), outside)
	return "http://" + outside + "/notes"
}
