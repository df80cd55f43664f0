package nethttpadapter_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store"
	"github.com/tandem-sso/tandem/rp/store/memstore"
)

// mounted serves an app at https://notes.example as its author mounts it.
func mounted(
	t *testing.T, mount func(web *nethttpadapter.Adapter) http.Handler,
) (*exampletest.World, *rp.RelyingParty) {
	t.Helper()
	world := exampletest.Start()
	t.Cleanup(world.Close)
	auth, err := rp.New(t.Context(), rp.Config{
		Issuer: "https://idp.example", ClientID: "notes", ClientSecret: "s3cret", BaseURL: "https://notes.example",
		Keys:  rp.Keys{rp.NewKey()},
		Store: memstore.New(memstore.Options{}), IDTokenAlg: "ES256", HTTPClient: world.Client(),
		Logger: slog.New(slog.DiscardHandler), SkipSelfCheck: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { auth.Close() })
	world.Serve("notes.example", mount(nethttpadapter.New(auth)))
	return world, auth
}

// However the endpoints are mounted, a log-in works, and so does every method.
func TestMounts(t *testing.T) {
	for name, mount := range map[string]func(*nethttpadapter.Adapter) http.Handler{
		"as documented": func(web *nethttpadapter.Adapter) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/auth/", web.Endpoints())
			mux.Handle("/", web.RequireLogin(http.HandlerFunc(home)))
			return mux
		},
		"beside GET /": func(web *nethttpadapter.Adapter) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("GET /auth/", web.Endpoints())
			mux.Handle("POST /auth/", web.Endpoints())
			mux.Handle("GET /", web.RequireLogin(http.HandlerFunc(home)))
			return mux
		},
		"in StripPrefix": func(web *nethttpadapter.Adapter) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/auth/", http.StripPrefix("/auth", web.Endpoints()))
			mux.Handle("/", web.RequireLogin(http.HandlerFunc(home)))
			return mux
		},
		"in StripPrefix with the slash": func(web *nethttpadapter.Adapter) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/auth/", http.StripPrefix("/auth/", web.Endpoints()))
			mux.Handle("/", web.RequireLogin(http.HandlerFunc(home)))
			return mux
		},
	} {
		t.Run(name, func(t *testing.T) {
			world, _ := mounted(t, mount)
			if got := world.Person("ada").Visit("/"); got != "Hello ada" {
				t.Errorf("%q", got)
			}
			for _, path := range []string{"/auth/backchannel-logout", "/auth/activity", "/auth/logout"} {
				resp, err := world.Client().Post("https://notes.example"+path, "application/x-www-form-urlencoded", nil)
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode == http.StatusNotFound || resp.StatusCode == http.StatusMethodNotAllowed {
					t.Errorf("POST %s: %d", path, resp.StatusCode)
				}
			}
		})
	}
}

// What the comment of Endpoints says of ServeMux is so.
func TestPatternsThatPanic(t *testing.T) {
	defer func() {
		if why := fmt.Sprint(recover()); !strings.Contains(why, "conflicts with pattern") {
			t.Error(why)
		}
	}()
	mounted(t, func(web *nethttpadapter.Adapter) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/auth/", web.Endpoints())
		mux.Handle("GET /", http.HandlerFunc(home))
		return mux
	})
}

// Under http.TimeoutHandler nothing can be flushed: the page is told to poll, at once, and
// the operator is told once. Everything else works.
func TestTimeoutHandler(t *testing.T) {
	world, auth := mounted(t, func(web *nethttpadapter.Adapter) http.Handler {
		mux := http.NewServeMux()
		mux.Handle("/auth/", web.Endpoints())
		mux.Handle("/", web.RequireLogin(http.HandlerFunc(home)))
		return http.TimeoutHandler(mux, time.Minute, "too late")
	})
	ada := world.Person("ada")
	if got := ada.Visit("/"); got != "Hello ada" {
		t.Fatalf("%q", got)
	}
	for range 2 {
		page := ada.Fetch("GET", "/auth/events")
		if page.Status != http.StatusNotImplemented || !strings.Contains(page.Body, "no_streams") ||
			page.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %v", page, page.Header)
		}
	}
	told := slices.DeleteFunc(auth.Findings(), func(f store.Finding) bool { return f.Code != "no_streams" })
	if len(told) != 1 || !strings.Contains(told[0].Text, "*http.timeoutWriter") {
		t.Errorf("%v", told)
	}
}
