package control_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tandem-sso/tandem/idp-mock/control"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

const issuer = "https://idp.example"

func client(id string) idpmock.Client {
	return idpmock.Client{ID: id, Secret: id + "-secret", RedirectURIs: []string{"https://" + id + ".example/cb"}}
}

// document is the part of openapi.json that these tests look at. Every answer is held
// against it in e2e/openapi, a module of its own: the validator stays out of this one.
func document(t *testing.T) (doc struct {
	Paths      map[string]map[string]any
	Components struct{ Schemas map[string]map[string]any }
}) {
	t.Helper()
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// Every route is documented: one that is not answers 404 or is in the document.
func TestControlRoutesAreDocumented(t *testing.T) {
	doc := document(t)
	have := 0
	for _, ops := range doc.Paths {
		have += len(ops)
	}
	if want := control.Operations(); have != want {
		t.Errorf("%d operations are documented, %d are served", have, want)
	}
}

// The document names every temperament, and that of no name.
func TestTemperamentsAreDocumented(t *testing.T) {
	properties := document(t).Components.Schemas["Temperament"]["properties"].(map[string]any)
	enum, _ := properties["name"].(map[string]any)["enum"].([]any)
	for _, name := range append(idpmock.TemperamentNames(), "") {
		if !slices.Contains(enum, any(name)) {
			t.Errorf("%q is not in %v", name, enum)
		}
	}
}

// Other websites get nothing through a visitor's browser.
func TestControlAPIIsGuarded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := idptest.StartMem(t, idptest.WithControlAPI())
		for name, change := range map[string]func(*http.Request){
			"cross-site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			"origin":     func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
			"rebinding":  func(r *http.Request) { r.Host = "evil.example" },
		} {
			req, _ := http.NewRequest(http.MethodDelete, s.URL+"/_mock/requests", nil)
			change(req)
			resp, err := s.Net.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode < 400 {
				t.Errorf("%s: %d", name, resp.StatusCode)
			}
		}
	})
	synctest.Test(t, func(t *testing.T) {
		s := idptest.StartMem(t)
		if p := s.NewBrowser("ada").Open(s.URL + "/_mock/sessions"); p.Status != http.StatusNotFound {
			t.Errorf("on by default: %s", p)
		}
	})
}

func TestEventStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := idptest.StartMem(t, idptest.WithControlAPI())
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/_mock/events", nil)
		req.Header.Set("Accept", "text/event-stream")
		resp, err := s.Net.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		synctest.Wait()
		if _, err := s.SignIn("ada"); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewReader(resp.Body)
		first, _ := lines.ReadString('\n')
		second, _ := lines.ReadString('\n')
		if first != "event: sign-in\n" || !strings.Contains(second, `"sub":"ada"`) {
			t.Errorf("%q %q", first, second)
		}
	})
}
