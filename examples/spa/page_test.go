package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/examples/internal/kit"
)

var chromium browser.Process

func TestMain(m *testing.M) {
	code := m.Run()
	chromium.Close()
	os.Exit(code)
}

type note struct {
	ID   string `json:"id"`
	Text string `json:"text"`
}

// notes is the API behind the page.
func notes(t *testing.T) (url string) {
	var (
		mu  sync.Mutex
		all = []note{}
		mux = http.NewServeMux()
	)
	mux.HandleFunc("GET /notes", func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		_ = json.NewEncoder(w).Encode(all)
	})
	mux.HandleFunc("POST /notes", func(w http.ResponseWriter, r *http.Request) {
		var n note
		if err := json.NewDecoder(r.Body).Decode(&n); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		n.ID = strconv.Itoa(len(all) + 1)
		all = append(all, n)
	})
	mux.HandleFunc("DELETE /notes/{id}", func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		all = slices.DeleteFunc(all, func(n note) bool { return n.ID == r.PathValue("id") })
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.URL
}

// open is ada's browser with the page in it. The page sends her to the log-in by itself.
func open(t *testing.T) (*kit.IDP, *kit.Program, *browser.Tab) {
	t.Helper()
	idp, listen := kit.StartIDP(t), kit.Address(t)
	base := "http://" + listen
	idp.Register("notes", base)
	program := kit.Run(t, idp, ".", listen, base, "API="+notes(t))
	tab := chromium.New(t).Open("notes", base+"/")
	tab.WaitURL(idp.Issuer())
	tab.Type("#username", "ada")
	tab.Click("#signin")
	tab.WaitURL(base + "/")
	tab.WaitText("#time", ":") // from the WebSocket
	return idp, program, tab
}

// In a real browser the page keeps and removes a note, and is covered when its session ends
// elsewhere.
func TestSPAInABrowser(t *testing.T) {
	idp, _, tab := open(t)
	tab.Type("#add input", "buy milk")
	tab.Click("#add button")
	tab.WaitText("#notes li", "buy milk")
	tab.Click("#notes button")
	tab.WaitGone("#notes li")

	idp.LogOutEverywhere("ada")
	tab.Wait(`document.documentElement.dataset.tandem === "ended"`)
	tab.WaitGone("#notes")
}

// A page that is open, with its event stream and its WebSocket, does not keep the program from
// ending when an operator says so.
func TestSPAEndsWithAnOpenPage(t *testing.T) {
	_, program, _ := open(t)
	program.Terminate()
}
