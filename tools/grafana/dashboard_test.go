// Package grafana checks the dashboard of docs/metrics against Grafana's own schema. It is in
// the tools' module, so that the library does not need what that brings along.
package grafana

import (
	"bytes"
	"os"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// The dashboard is one of Grafana: no field that it does not know, none missing that it needs,
// each value one of those it allows, down to panels, queries and variables.
func TestDashboard(t *testing.T) {
	plugins.RegisterDefaultPlugins()
	text, err := os.ReadFile("../../docs/metrics/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	strict := func(text []byte) (d dashboard.Dashboard, err error) {
		if err = d.UnmarshalJSONStrict(text); err != nil && err.Error() != "" { // an empty list of errors is none
			return d, err
		}
		return d, d.Validate()
	}
	d, err := strict(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Panels) < 14 || d.Templating.List == nil {
		t.Errorf("%d panels, variables %v", len(d.Panels), d.Templating.List)
	}
	// What is checked is deep enough to find mistakes like these.
	for what, change := range map[string][2]string{
		"a field of a query":  {`"legendFormat"`, `"legend"`},
		"a field of a panel":  {`"fieldConfig"`, `"fields"`},
		"a legend's place":    {`"placement": "bottom"`, `"placing": "bottom"`},
		"a field of the page": {`"schemaVersion"`, `"schema"`},
	} {
		wrong := bytes.Replace(text, []byte(change[0]), []byte(change[1]), 1)
		if _, err := strict(wrong); bytes.Equal(wrong, text) || err == nil {
			t.Errorf("%s: not found", what)
		}
	}
}
