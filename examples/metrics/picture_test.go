package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"html/template"
	"image/png"
	"log/slog"
	"maps"
	"math"
	"math/rand/v2"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/e2e/driver/process"
	"github.com/tandem-sso/tandem/e2e/driver/prometheus"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// The picture of docs/metrics.md shows the dashboard's panels with what a Prometheus has of a
// demo that people use. make screenshots takes it. Grafana itself is not at hand, so the page
// is our own; every panel has to show something.
func TestPicture(t *testing.T) {
	dir := os.Getenv("TANDEM_SHOTS")
	if dir == "" {
		t.Skip("make screenshots sets TANDEM_SHOTS; it needs prometheus and chromium")
	}
	metrics := process.FreeAddr(t)
	measure, stop, err := serve(metrics)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	p := prometheus.Start(t, docs, metrics)
	s, err := system.Start(t.Context(), system.Config{Measure: measure, Logger: slog.New(slog.DiscardHandler),
		Settings: system.Settings{IdPIdle: 30 * time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	const lasts = 4 * time.Minute
	began := time.Now()
	useIt(t.Context(), s, lasts)

	page := view{Lasts: "four minutes"}
	for _, panel := range prometheus.Dashboard(t, docs) {
		drawn := drawing{Title: panel.Title, Unit: units[panel.FieldConfig.Defaults.Unit]}
		for _, q := range panel.Targets {
			drawn.series = append(drawn.series, over(t, p, q, began, time.Now())...)
		}
		drawn.draw()
		if len(drawn.Lines) == 0 {
			t.Errorf("nothing shows for %q", panel.Title)
		}
		page.Panels = append(page.Panels, drawn)
	}
	page.shoot(t, filepath.Join(dir, "metrics.png"))
}

// useIt has a crowd use the demo: some are active, some go away, some are logged out at the
// IdP, which is down for a while and slow later. The demo's clock runs 20 times as fast as the real one.
func useIt(ctx context.Context, s *system.System, lasts time.Duration) {
	dice := rand.New(rand.NewPCG(20, 4))
	var crowd []*system.Browser
	var streams sync.WaitGroup
	streamCtx, hangUp := context.WithCancel(ctx)
	defer func() {
		hangUp()
		streams.Wait()
		for _, b := range crowd {
			b.Close()
		}
	}()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := range int(lasts / time.Second) {
		<-tick.C
		s.Advance(20 * time.Second)
		switch n {
		case 100:
			s.SetIdPDown(true)
		case 140:
			s.SetIdPDown(false)
		case 185:
			s.IDP.Fault(idpmock.Fault{Endpoint: idpmock.EndpointUserinfo, Delay: 1500 * time.Millisecond,
				Times: idpmock.Always})
		case 215:
			s.IDP.ClearFaults()
		}
		if n%6 == 0 && n < 200 && !s.IdPDown() {
			b := system.NewBrowser([]string{"ada", "grace", "alan"}[len(crowd)%3])
			crowd = append(crowd, b)
			_ = s.SignIn(ctx, b, system.Apps()...) // in a crowd somebody may fail
			streams.Go(func() { _, _ = b.Fetch(streamCtx, s.URL(system.Notes)+"/auth/events") })
		}
		for i, b := range crowd {
			if i%3 != 2 && dice.IntN(4) == 0 { // every third has gone away
				app := system.Apps()[dice.IntN(3)]
				_, _ = b.Open(ctx, s.URL(app)+"/private")
			}
		}
		if n%25 == 24 {
			if all := s.IDP.Sessions(); len(all) > 0 {
				_ = s.IDP.EndSession(all[dice.IntN(len(all))].SID)
			}
			_, _ = system.NewBrowser("ada").Open(ctx, s.URL(system.Notes)+"/auth/callback?error=server_error&state=x")
		}
	}
}

// series is one line: values over time, NaN where there is none.
type series struct {
	name   string
	values []float64
}

// steps of a line.
const steps = 120

// over asks what a query has shown between two times.
func over(t *testing.T, p *prometheus.Server, q prometheus.Target, from, to time.Time) (all []series) {
	t.Helper()
	query := q.Query("20s")
	step := to.Sub(from).Seconds() / (steps - 1)
	var data struct {
		Result []struct {
			Metric map[string]string
			Values [][2]any // time, number
		}
	}
	if err := p.Get(t.Context(), "/api/v1/query_range?"+url.Values{"query": {query}, "step": {fmt.Sprint(step)},
		"start": {fmt.Sprint(from.Unix())}, "end": {fmt.Sprint(to.Unix())}}.Encode(), &data); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	for _, r := range data.Result {
		one := series{name: named(q.LegendFormat, r.Metric), values: slices.Repeat([]float64{math.NaN()}, steps)}
		some := false
		for _, v := range r.Values {
			at, _ := v[0].(float64)
			text, _ := v[1].(string)
			i := int(math.Round((at - float64(from.Unix())) / step))
			if n, err := strconv.ParseFloat(text, 64); err == nil && i >= 0 && i < steps && !math.IsInf(n, 0) {
				one.values[i] = n
				some = some || !math.IsNaN(n)
			}
		}
		if some {
			all = append(all, one)
		}
	}
	return all
}

// named fills a legend, as Grafana does.
func named(legend string, labels map[string]string) string {
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		legend = strings.ReplaceAll(legend, "{{"+k+"}}", labels[k])
	}
	for strings.Contains(legend, "{{") && strings.Contains(legend, "}}") { // a label that it does not have
		before, rest, _ := strings.Cut(legend, "{{")
		_, after, _ := strings.Cut(rest, "}}")
		legend = before + after
	}
	return strings.TrimSpace(legend)
}

type view struct {
	Lasts  string
	Panels []drawing
}

// units are Grafana's, in words.
var units = map[string]string{"s": "seconds", "ops": "per second"}

// drawing is a panel in SVG.
type drawing struct {
	Title, Unit string
	series      []series
	Grid        []struct {
		Y    float64
		Text string
	}
	Lines []struct{ Name, Colour, Path string }
}

var colours = []string{"#1f6fb2", "#d9732e", "#2f8f57", "#b5364a", "#7a55a8", "#8a6d3b", "#c64fa0", "#5b6770",
	"#9aa21c", "#1f9aa8"}

const left, right, top, bottom = 42.0, 322.0, 8.0, 106.0

func (d *drawing) draw() {
	most := 0.0
	for _, s := range d.series {
		for _, v := range s.values {
			if v > most {
				most = v
			}
		}
	}
	if most == 0 {
		most = 1
	}
	for _, part := range []float64{0, .5, 1} {
		d.Grid = append(d.Grid, struct {
			Y    float64
			Text string
		}{bottom - part*(bottom-top), strconv.FormatFloat(part*most, 'g', 2, 64)})
	}
	for i, s := range d.series {
		var path strings.Builder
		pen := "M"
		for j, v := range s.values {
			if math.IsNaN(v) {
				pen = "M"
				continue
			}
			fmt.Fprintf(&path, "%s%.1f %.1f", pen, left+float64(j)/(steps-1)*(right-left), bottom-v/most*(bottom-top))
			pen = "L"
		}
		d.Lines = append(d.Lines, struct{ Name, Colour, Path string }{s.name, colours[i%len(colours)], path.String()})
	}
}

//go:embed picture.html
var pageText string

// shoot takes a picture of the page in a browser.
func (v *view) shoot(t *testing.T, to string) {
	t.Helper()
	var html bytes.Buffer
	if err := template.Must(template.New("page").Parse(pageText)).Execute(&html, v); err != nil {
		t.Fatal(err)
	}
	page := filepath.Join(t.TempDir(), "page.html")
	if err := os.WriteFile(page, html.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	var browser string
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			browser = found
			break
		}
	}
	if browser == "" {
		t.Fatal("chromium is not installed (Debian: apt-get install chromium)")
	}
	cmd := exec.CommandContext(t.Context(), browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--hide-scrollbars", "--force-device-scale-factor=1", "--user-data-dir="+t.TempDir(), "--window-size=1440,900",
		"--screenshot="+to, "file://"+page)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	f, err := os.Open(to)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if size, err := png.DecodeConfig(f); err != nil || size.Width != 1440 || size.Height != 900 {
		t.Errorf("the picture: %v, %v", size, err)
	}
}
