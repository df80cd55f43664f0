package prometheus

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Panel of the dashboard.
type Panel struct {
	Title       string
	Targets     []Target
	FieldConfig struct{ Defaults struct{ Unit string } }
}

// Target is one query of a panel.
type Target struct{ RefID, Expr, LegendFormat string }

// Dashboard returns all panels of docs/metrics, whose path docs is.
func Dashboard(t *testing.T, docs string) []Panel {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(docs, "dashboard.json"))
	if err != nil {
		t.Fatal(err)
	}
	var d struct{ Panels []Panel }
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d.Panels
}

// Query fills in Grafana's variables: all clients, and how far a rate looks back.
func (q Target) Query(rateInterval string) string {
	return strings.NewReplacer("$__rate_interval", rateInterval, "$client", ".*").Replace(q.Expr)
}

// FillsDashboard has people come and go until every query of every panel shows something.
func (s *Server) FillsDashboard(t *testing.T, docs string, visit Visit) {
	t.Helper()
	queries := map[string]string{}
	for _, panel := range Dashboard(t, docs) {
		for _, q := range panel.Targets {
			queries[panel.Title+" "+q.RefID] = q.Query("1m") // Grafana's for a scrape each 15 s
		}
	}
	if len(queries) < 14 {
		t.Fatalf("only %d queries are in the dashboard", len(queries))
	}
	deadline := time.Now().Add(2 * time.Minute)
	for {
		visit.Make(t)
		var empty []string
		for title, query := range queries {
			if !s.shows(t, query) {
				empty = append(empty, title)
			}
		}
		switch {
		case len(empty) == 0:
			t.Logf("all %d queries of the dashboard show something", len(queries))
			return
		case time.Now().After(deadline):
			t.Errorf("nothing shows for %q", empty)
			return
		}
	}
}
