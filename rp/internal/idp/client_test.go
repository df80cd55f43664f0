package idp

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// Who waits for a place waits for this application. Were that a time-out of the IdP, a
// crowd would open the circuit breaker of an IdP that answers everybody.
func TestWaitingForAPlaceIsNoTimeout(t *testing.T) {
	c := &Client{Slots: make(chan struct{}, 1), HTTP: http.DefaultClient, Auth: Named("notes"), Now: time.Now,
		TokenURL: "https://idp.example/token"}
	c.Slots <- struct{}{}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, out := c.Refresh(ctx, "r", nil); out.Err == nil || TimedOut(out.Err) ||
		!strings.Contains(out.Err.Error(), "MaxCalls") {
		t.Errorf("%+v", out)
	}
}

func TestDiscover(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"a document": {200, `{"issuer":"https://idp.example","token_endpoint":"https://idp.example/t"}`,
			""},
		"another issuer":         {200, `{"issuer":"https://else.example"}`, ""}, // the caller judges that
		"404":                    {404, `{"issuer":"https://idp.example"}`, "404"},
		"a page":                 {200, `<html>`, "no discovery document"},
		"JSON without an issuer": {200, `{}`, "without an issuer"},
		"null":                   {200, `null`, "without an issuer"},
		"a list as an endpoint": {200, `{"issuer":"https://idp.example","token_endpoint":["x"]}`,
			"no discovery document"},
		"too much": {200, `{"issuer":"` + strings.Repeat("x", maxAnswer) + `"}`, "more than"},
	} {
		t.Run(name, func(t *testing.T) {
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Path != "/tenant/.well-known/openid-configuration" {
					t.Errorf("asked for %s", r.URL)
				}
				w.WriteHeader(row.status)
				_, _ = w.Write([]byte(row.body))
			}))
			defer s.Close()
			m, err := Discover(t.Context(), s.Client(), s.URL+"/tenant/")
			switch {
			case row.want == "" && (err != nil || m.Issuer == ""):
				t.Errorf("%+v, %v", m, err)
			case row.want != "" && (err == nil || !strings.Contains(err.Error(), row.want)):
				t.Errorf("%v, want %q", err, row.want)
			}
		})
	}
}

func FuzzParseMetadata(f *testing.F) {
	f.Add([]byte(`{"issuer":"https://idp.example","response_types_supported":["code"]}`))
	f.Add([]byte(`{"issuer":1}`))
	f.Fuzz(func(t *testing.T, doc []byte) {
		if m, err := ParseMetadata(doc); (err == nil) != (m != nil && m.Issuer != "") {
			t.Errorf("%+v, %v", m, err)
		}
	})
}
