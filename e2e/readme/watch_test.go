package readme

import (
	"bytes"
	"encoding/json"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/prometheus"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

var (
	measured  = regexp.MustCompile(`(?m)^go run \./demo -metrics`)
	watching  = regexp.MustCompile(`(?m)^prometheus (?:.*\\\n)*.+$`)
	watchesAt = regexp.MustCompile(`--web\.listen-address=(\S+)`)
	appAt     = regexp.MustCompile(`(?m)^ *(?:Notes|Reports|Wiki) +(http://\S+)`)
	idleAt    = regexp.MustCompile(`An IdP session ends (\S+) after the last activity`)
)

// watch is what docs/metrics.md tells to do, but Grafana: the demo with metrics, a Prometheus
// that watches it, somebody who uses the apps and the control room. Every query of the
// dashboard then has data, and no alert fires.
func watch(t *testing.T, s stranger) {
	text := read(t, filepath.Join(s.clone, "docs", "metrics.md"))
	run, prom := measured.FindString(text), strings.ReplaceAll(watching.FindString(text), "\\\n", "")
	at := watchesAt.FindStringSubmatch(prom)
	if run == "" || at == nil || !strings.Contains(text, "`http://"+at[1]+"`") {
		t.Fatal("docs/metrics.md has no command for the demo or for Prometheus, or not its address")
	}
	demo := s.start(s.clone, run)
	room := demo.says(roomAt)
	demo.answers("http://127.0.0.1:9464/metrics")
	looks := s.start(s.clone, prom)
	looks.answers("http://" + at[1] + "/-/ready")

	idle, err := time.ParseDuration(idleAt.FindStringSubmatch(demo.says(idleAt))[1])
	if err != nil {
		t.Fatal(err)
	}
	// What "+1 min" and its like do in the control room.
	jump := func(d time.Duration) {
		order, err := json.Marshal(map[string]any{"do": "jump", "seconds": int(d.Seconds())})
		if err != nil {
			t.Fatal(err)
		}
		page := idptest.NewBrowser(t, nil).At(room).
			Send(http.MethodPost, "/act", bytes.NewReader(order), "Content-Type", "application/json")
		if page.Status != http.StatusOK {
			t.Fatal(page)
		}
	}
	visit := prometheus.Visit{Idle: idle, Wait: jump}
	for _, app := range appAt.FindAllStringSubmatch(demo.said(), -1) {
		visit.Apps = append(visit.Apps, app[1])
	}
	if len(visit.Apps) != 3 {
		t.Fatalf("the demo names the apps %q", visit.Apps)
	}
	server := &prometheus.Server{At: at[1]}
	server.FillsDashboard(t, filepath.Join(s.clone, "docs", "metrics"), visit)
	server.Rules(t)
	looks.stop()
	demo.stop()
}
