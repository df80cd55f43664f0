package fetchmetadata

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/drive"
)

// row is one line of the table.
type row struct {
	Browser string   `json:"browser"`
	What    string   `json:"what"`
	Who     string   `json:"who"`
	ByHand  bool     `json:"by_hand,omitempty"` // measured in a window with mouse and keyboard: no driver can do it
	Request *request `json:"request"`           // null: the browser asks nobody
}

// table is what was measured.
type table struct {
	Versions map[string]string `json:"versions"`
	Rows     []row             `json:"rows"`
}

var file = filepath.Join("..", "..", "rp", "internal", "classify", "testdata", "browsers.json")

func (tb *table) read(t *testing.T) {
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, tb)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// write writes a row to a line.
func (tb *table) write(t *testing.T) {
	var out bytes.Buffer
	line := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	out.WriteString("{\"versions\": " + line(tb.Versions) + ",\n\"rows\": [\n")
	for i, r := range tb.Rows {
		if i > 0 {
			out.WriteString(",\n")
		}
		out.WriteString(line(r))
	}
	out.WriteString("\n]}\n")
	if err := os.WriteFile(file, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (tb *table) find(browser, what string) (row, bool) {
	i := slices.IndexFunc(tb.Rows, func(r row) bool { return r.Browser == browser && r.What == what })
	if i < 0 {
		return row{}, false
	}
	return tb.Rows[i], true
}

// everything is what is measured, in the order of the table.
func everything() []*scenario {
	return slices.Concat(navigations, selfNavigations, frames, scripts, streams, parts, guesses, workers, insecure)
}

func (sc *scenario) playedBy(d drive.Driver) bool { return sc.only == "" || sc.only == d.Name() }

// TestTableIsWhole: a row for each scenario that a browser can play, and no other one but
// those measured by hand.
func TestTableIsWhole(t *testing.T) {
	var tb table
	tb.read(t)
	names := map[string]bool{} // browser, what
	for _, sc := range everything() {
		for _, d := range drivers {
			if !sc.playedBy(d) {
				continue
			}
			if names[d.Name()+sc.what] {
				t.Errorf("two scenarios are called %q", sc.what)
			}
			names[d.Name()+sc.what] = true
			if _, found := tb.find(d.Name(), sc.what); !found {
				t.Errorf("%s, %s: there is no row", d.Name(), sc.what)
			}
		}
	}
	for _, r := range tb.Rows {
		if names[r.Browser+r.What] == r.ByHand {
			t.Errorf("%s, %s: by hand is %v", r.Browser, r.What, r.ByHand)
		}
	}
}

// TestBrowsers holds the table against the browsers that are installed. If one of them
// has come to say something else, run it with TANDEM_RECORD=1, read what has changed,
// and see what it means for package classify.
func TestBrowsers(t *testing.T) {
	var want table
	want.read(t)
	record := os.Getenv("TANDEM_RECORD") == "1"
	got := table{Versions: map[string]string{}}
	var mu sync.Mutex
	t.Run("all", func(t *testing.T) {
		for _, d := range drivers {
			t.Run(d.Name(), func(t *testing.T) {
				t.Parallel()
				version, rows := d.Version(t), playAll(t, d)
				if !record {
					t.Logf("%s; the table was measured with %s", version, want.Versions[d.Name()])
					want.compare(t, rows)
				}
				mu.Lock()
				defer mu.Unlock()
				got.Versions[d.Name()] = version
				got.Rows = append(got.Rows, rows...)
			})
		}
	})
	if record && !t.Failed() {
		got.sort(want)
		got.write(t)
	}
}

func (tb *table) compare(t *testing.T, rows []row) {
	for _, r := range rows {
		if old, _ := tb.find(r.Browser, r.What); !reflect.DeepEqual(old, r) {
			t.Errorf("%s, %s:\n got %s %+v\nwant %s %+v", r.Browser, r.What, r.Who, r.Request, old.Who, old.Request)
		}
	}
}

// sort puts the rows in order and what was measured by hand behind them.
func (tb *table) sort(old table) {
	place := map[string]int{}
	for i, sc := range everything() {
		place[sc.what] = i
	}
	slices.SortFunc(tb.Rows, func(a, b row) int {
		return cmp.Or(cmp.Compare(place[a.What], place[b.What]), cmp.Compare(a.Browser, b.Browser))
	})
	for _, r := range old.Rows {
		if r.ByHand {
			tb.Rows = append(tb.Rows, r)
		}
	}
}

// playAll plays what this browser can do.
func playAll(t *testing.T, d drive.Driver) []row {
	all := everything()
	s := serve(t, all)
	st := newStage(t, d)
	var rows []row
	for i, sc := range all {
		if !sc.playedBy(d) {
			continue
		}
		t.Run(sc.what, func(t *testing.T) {
			rows = append(rows, row{Browser: d.Name(), What: sc.what, Who: sc.who,
				Request: measure(t, s, d, st, id(i))})
		})
	}
	return rows
}
