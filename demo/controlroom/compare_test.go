package controlroom_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/tandem-sso/tandem/demo/planner"
	"github.com/tandem-sso/tandem/demo/system"
)

const twoPolicies = `"sides":[{"idp":"duende","kind":"refresh-token","window":120000000000,"token_life":60000000000},{"idp":"entra","kind":"refresh-token","window":120000000000,"token_life":60000000000}]`

func (r *room) compare(ctx context.Context, body string, header ...string) (*http.Response, string, error) {
	r.Helper()
	req, err := http.NewRequestWithContext(ctx, "POST", r.URL()+"/compare", strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := (&http.Client{Transport: r.client.Transport}).Do(req) // t.Context bounds it
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp, string(b), err
}

// A comparison is played beside the room: its own world goes on as it was.
func TestACompareLeavesTheRoomAlone(t *testing.T) {
	r := start(t)
	r.must(`{"do":"sign-in","user":"ada"}`)
	before := r.System.Look()
	resp, text, err := r.compare(t.Context(),
		`{"story":"works","work":300000000000,"away":300000000000,`+twoPolicies+`}`)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp, text, err)
	}
	var a planner.Answer
	if err := json.Unmarshal([]byte(text), &a); err != nil || len(a.Differences) == 0 || len(a.Sides[1].Lanes) != 5 {
		t.Errorf("%v: %s", err, text)
	}
	after := r.System.Look()
	live := func(s system.Snapshot) (out []string) {
		for _, one := range s.Apps {
			out = append(out, one.App+" "+one.Session+" "+one.State)
		}
		return out
	}
	if len(after.IdP) != 1 || after.IdP[0].SID != before.IdP[0].SID || !slices.Equal(live(before), live(after)) ||
		len(live(after)) != 3 || after.Settings != before.Settings {
		t.Errorf("before %+v, after %+v", before, after)
	}
	if moved := after.Now.Sub(before.Now); moved > 60e9 {
		t.Errorf("the room's clock has moved by %v", moved)
	}
}

// What cannot be played is told at its field; other sites cannot make the room play, and
// whoever leaves stops the play.
func TestCompareRefuses(t *testing.T) {
	r := start(t)
	for body, want := range map[string]string{
		`{`: "400 bad_request",
		`{"story":"works","nobody":1,` + twoPolicies +
			`}`: "400 bad_request",
		`{"story":"works","work":300000000000,"away":900000000000000,` + twoPolicies +
			`}`: `422 not_done away 0`,
		strings.Replace(`{"story":"works",`+twoPolicies+`}`, "entra", "generic",
			1): `422 not_done  2`,
		strings.Replace(`{"story":"works",`+twoPolicies+`}`, `"window":120000000000`, `"window":0`,
			1): `422 not_done  1`,
		`{"story":"` + strings.Repeat("x", 17<<10) + `"}`: "400 bad_request",
	} {
		resp, text, err := r.compare(t.Context(), body)
		if err != nil {
			t.Fatal(err)
		}
		var f struct {
			Error, Field string
			Side         int
		}
		_ = json.Unmarshal([]byte(text), &f)
		got := strings.TrimSpace(strings.Join([]string{resp.Status[:3], f.Error}, " "))
		if resp.StatusCode == 422 {
			got += " " + f.Field + " " + string(rune('0'+f.Side))
		}
		if got != want {
			t.Errorf("%.80s: %s %s, want %s", body, got, text, want)
		}
	}
	if resp, text, err := r.compare(t.Context(), `{}`, "Sec-Fetch-Site", "cross-site"); err != nil ||
		resp.StatusCode != http.StatusForbidden {
		t.Errorf("another site is answered with %v %s", resp, text)
	}

	ctx, leave := context.WithCancel(t.Context())
	leave()
	req := httptest.NewRequestWithContext(ctx, "POST", r.URL()+"/compare",
		strings.NewReader(`{"story":"works",`+twoPolicies+`}`))
	w := httptest.NewRecorder()
	if r.Handler().ServeHTTP(w, req); w.Body.Len() > 0 {
		t.Errorf("whoever has left gets %d %s", w.Code, w.Body)
	}
}
