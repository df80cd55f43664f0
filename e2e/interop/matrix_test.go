package interop

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/foreign"
)

// matrix is what the lane has seen, IdP by row.
type matrix struct {
	names, rows []string
	said        map[string]map[string]string // by row, by IdP
}

// column is one IdP's.
type column struct {
	version string
	cells   [][2]string // row, what was seen
}

// note notes a row. Empty: it was not run.
func (c *column) note(row, say string) {
	if say != "" {
		c.cells = append(c.cells, [2]string{row, say})
	}
}

func newMatrix() *matrix {
	m := &matrix{rows: []string{"version"}, said: map[string]map[string]string{"version": {}}}
	for _, row := range slices.Concat(people, conclusions, disturbances) {
		m.rows = append(m.rows, row.name)
		m.said[row.name] = map[string]string{}
	}
	return m
}

func (m *matrix) add(name string, c *column) {
	m.names = append(m.names, name)
	m.said["version"][name] = c.version
	for _, cell := range c.cells {
		m.said[cell[0]][name] = cell[1]
	}
}

func (m *matrix) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, `# What was run at real IdPs

Written by %[1]smake interop%[1]s: do not edit. Each column is an IdP as its [guide](idp/README.md) sets it up, with the
guide's own program as three clients: with refresh token, with an access token alone, without tokens. W is %.0[2]fs and δ is
%.0[3]fs, ±10 %%. Three values are those of the three kinds, in that order.

"A bare client" has nothing of this library in it. What the library, its guides and the control room of the demo say is
compared with what that client has seen. The run fails if they differ.

Dex runs as a library, at its commit of 6 August 2026, in a main package of the test's own. Dex's releases have no Go
module version. Its own command does not compile from the module proxy, which has only an older state of its gRPC API
module. Dex's key changes every half minute.

| row | %[4]s |
|---|%[5]s
`, "`", window.Seconds(), delta.Seconds(), strings.Join(m.names, " | "), strings.Repeat("---|", len(m.names)))
	for _, row := range m.rows {
		fmt.Fprintf(&b, "| %s |", row)
		for _, name := range m.names {
			said := m.said[row][name]
			if said == "" {
				said = "not run"
			}
			fmt.Fprintf(&b, " %s |", said)
		}
		b.WriteString("\n")
	}
	return b.String()
}

const page = "../../docs/interop.md"

// write writes docs/interop.md. What was not run this time stays: IdPs, and rows of one.
func (m *matrix) write(t *testing.T) {
	t.Helper()
	ran := m.names
	if len(ran) == 0 {
		return
	}
	before, err := os.ReadFile(page)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	m.names = nil
	for _, p := range foreign.Providers {
		m.names = append(m.names, p.Name)
		m.keep(string(before), p.Name)
	}
	if err := os.WriteFile(page, []byte(m.String()), 0o644); err != nil {
		t.Error(err)
	}
	t.Logf("docs/interop.md, with %s as of now:\n%s", strings.Join(ran, ", "), m)
}

// keep takes of a column of the page what is not known now.
func (m *matrix) keep(before, name string) {
	at := -1
	for line := range strings.Lines(before) {
		if !strings.HasPrefix(line, "| ") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case at < 0:
			if at = slices.Index(cells, name); at < 0 {
				return
			}
		case at < len(cells) && m.said[cells[0]] != nil: // other rows are of a former lane
			if m.said[cells[0]][name] == "" {
				m.said[cells[0]][name] = cells[at]
			}
		}
	}
}

// join says once what all say.
func join(said []string) string {
	if len(slices.Compact(slices.Clone(said))) == 1 {
		return said[0]
	}
	return strings.Join(said, "; ")
}
