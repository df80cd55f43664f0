package control_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/control"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// Whatever is sent to the control API, it answers with JSON and no failure of
// its own.
func FuzzControl(f *testing.F) {
	idp, err := idpmock.New(idpmock.Config{Issuer: issuer, SigningAlg: "ES256", SweepEvery: -1,
		Clients: []idpmock.Client{client("notes")}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(idp.Close)
	api := control.Beside(idp, idp.Handler())
	f.Add("POST", "faults", `{"status":500,"delay":"1h","times":-1}`)
	f.Add("PUT", "clients/x", `{"redirect_uris":["https://x.example"]}`)
	f.Add("PATCH", "config", `{"idle_window":"1s","users":[{}]}`)
	f.Add("PATCH", "config", `{"temperament":{"name":"dex","refusals":{"refresh":{"status":99,"error":"x"}}}}`)
	f.Add("POST", "clock/advance", `{"by":9e8}`)
	f.Add("POST", "logout-tokens", `{"client":"notes","faults":["huge"]}`)
	f.Add("POST", "authorize", `{"user":"ada","url":"https://idp.example/authorize?x"}`)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		if strings.ContainsAny(method, " \x00/\n") || strings.Contains(path, "events") ||
			strings.Contains(path, "settle") || strings.Contains(body, "deliver") {
			return
		}
		r, err := http.NewRequest(method, issuer+"/", strings.NewReader(body))
		if err != nil {
			return
		}
		r.URL.Path, r.URL.RawQuery, _ = strings.Cut(control.Path+path, "?")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code >= 500 {
			t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		idp.ClearFaults()
	})
}
