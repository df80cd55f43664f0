package rp_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"time"

	"github.com/tandem-sso/tandem/rp"
)

// An IdP with a session API can be asked when its session ends, and nothing is
// extended by asking. Then pages of a quiet app do not warn while the person works
// in another one.
func ExampleConfig_idPSessionEnd() {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, `{"id":"sid-1","idle_expires_at":"2026-11-21T10:15:00Z"}`)
	}))
	defer api.Close()

	cfg := rp.Config{
		// … and everything else
		IdPSessionEnd: func(ctx context.Context, sid string) (time.Time, error) {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, api.URL+"/sessions/"+url.PathEscape(sid), nil)
			if err != nil {
				return time.Time{}, err
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				return time.Time{}, err
			}
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				return time.Time{}, fmt.Errorf("session API answered %s", resp.Status)
			}
			var s struct {
				IdleExpiresAt time.Time `json:"idle_expires_at"`
			}
			err = json.NewDecoder(resp.Body).Decode(&s)
			return s.IdleExpiresAt, err
		},
	}
	fmt.Println(cfg.IdPSessionEnd(context.Background(), "sid-1"))
	// Output: 2026-11-21 10:15:00 +0000 UTC <nil>
}

// A page hears of a log-out at the IdP by the IdP's check_session_iframe, where it has one (OpenID
// Connect Session Management 1.0): the page has a hidden frame of the library's, and a policy that
// lets it in. docs/session-js.md says what follows from that.
func ExampleRelyingParty_Endpoints_checkSession() {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; frame-src 'self'")
		fmt.Fprintln(w, `<script type="module" src="/auth/session.js"></script>`)
		fmt.Fprintln(w, `<iframe src="/auth/check-session" hidden title="session"></iframe>`)
	})
	w := httptest.NewRecorder()
	page(w, httptest.NewRequest(http.MethodGet, "/", nil))
	fmt.Print(w.Body)
	// Output:
	// <script type="module" src="/auth/session.js"></script>
	// <iframe src="/auth/check-session" hidden title="session"></iframe>
}
