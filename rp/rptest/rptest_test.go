package rptest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/tandem-sso/tandem/echoadapter"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/reason"
	"github.com/tandem-sso/tandem/rp/rptest"
)

var ada = rptest.Session{Subject: "ada", SID: "s-1", Claims: map[string]any{"name": "Ada", "groups": []string{"staff"},
	"acr": "gold"}, Scope: "openid notes"}

func get(path string) *http.Request { return httptest.NewRequest(http.MethodGet, path, nil) }

// A handler that is called by itself finds the session that it would find in production,
// by either adapter's way.
func TestRequest(t *testing.T) {
	r := rptest.Request(t, get("/"), ada)
	c := echo.New().NewContext(r, httptest.NewRecorder())
	for adapter, s := range map[string]*rp.Session{"net/http": rp.FromContext(r.Context()),
		"echo": echoadapter.Session(c)} {
		if s == nil {
			t.Fatalf("%s: no session", adapter)
		}
		var claims struct {
			Name   string   `json:"name"`
			Groups []string `json:"groups"`
		}
		if err := s.Claims(&claims); err != nil || claims.Name != "Ada" || len(claims.Groups) != 1 {
			t.Errorf("%s: %+v, %v", adapter, claims, err)
		}
		if s.Subject() != "ada" || s.SID() != "s-1" || s.Issuer() != rptest.Issuer || s.Scope() != "openid notes" ||
			s.Class() != activity.Active || s.Err() != nil {
			t.Errorf("%s: %q %q %q %q %v %v", adapter, s.Subject(), s.SID(), s.Issuer(), s.Scope(), s.Class(), s.Err())
		}
		if err := s.Satisfies(rp.ACR("gold"), rp.MaxAge(time.Minute)); err != nil {
			t.Errorf("%s: %v", adapter, err)
		}
		if err := s.ReportActivity(t.Context()); err != nil {
			t.Errorf("%s: %v", adapter, err)
		}
		if token, err := s.TokenSource(t.Context()).Token(); err != nil || token.AccessToken == "" {
			t.Errorf("%s: %v, %v", adapter, token, err)
		}
	}
	if s := rp.FromContext(rptest.Request(t, get("/"), rptest.Session{}).Context()); s.Subject() != "user" ||
		s.SID() == "" {
		t.Errorf("the zero Session: %q %q", s.Subject(), s.SID())
	}
}

type mine struct{}

// What the request says of itself stays: its body, path values, context and class.
func TestRequestKeepsTheRequest(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/notes/7", strings.NewReader("text"))
	r.SetPathValue("id", "7")
	r = r.WithContext(activity.Mark(context.WithValue(r.Context(), mine{}, 1), activity.Passive))
	r = rptest.Request(t, r, ada)
	body, _ := io.ReadAll(r.Body)
	if string(body) != "text" || r.PathValue("id") != "7" || r.Context().Value(mine{}) != 1 ||
		rp.FromContext(r.Context()).Class() != activity.Passive {
		t.Errorf("%q %q %v", body, r.PathValue("id"), rp.FromContext(r.Context()).Class())
	}
}

// The app's routes are tested as they are, with RequireLogin in front.
func TestRoutes(t *testing.T) {
	auth := rptest.New(t)
	hello := func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "hello ", rp.FromContext(r.Context()).Subject())
	}
	web := nethttpadapter.New(auth.RelyingParty)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	mux.Handle("/", web.RequireLogin(http.HandlerFunc(hello)))
	mux.Handle("/vault", web.RequireLogin(http.HandlerFunc(hello), rp.ACR("gold")))
	e := echo.New()
	byEcho := echoadapter.New(auth.RelyingParty)
	byEcho.Register(e.Group("/auth"))
	e.GET("/", func(c echo.Context) error {
		return c.String(200, "hello "+echoadapter.Session(c).Subject())
	}, byEcho.RequireLogin())
	e.GET("/vault", func(c echo.Context) error {
		return c.String(200, "hello "+echoadapter.Session(c).Subject())
	}, byEcho.RequireLogin(rp.ACR("gold")))
	for name, app := range map[string]http.Handler{"net/http": mux, "echo": e} {
		show := func(r *http.Request) string {
			r.Header.Set("Accept", "text/html")
			w := httptest.NewRecorder()
			app.ServeHTTP(w, r)
			if to := w.Header().Get("Location"); to != "" {
				to, _, _ = strings.Cut(to, "&wish=")
				return fmt.Sprint(w.Code, " ", to)
			}
			return fmt.Sprint(w.Code, " ", w.Body)
		}
		plain := rptest.Session{Subject: "bob"}
		for what, row := range map[string][2]string{
			"nobody":           {show(get("/")), "302 /auth/login?return_to=%2F"},
			"somebody":         {show(auth.Request(get("/"), ada)), "200 hello ada"},
			"who has proven":   {show(auth.Request(get("/vault"), ada)), "200 hello ada"},
			"who has not":      {show(auth.Request(get("/vault"), plain)), "302 /auth/login?return_to=%2Fvault"},
			"two at one party": {show(auth.Request(get("/"), plain)), "200 hello bob"},
		} {
			if row[0] != row[1] {
				t.Errorf("%s, %s: %q, want %q", name, what, row[0], row[1])
			}
		}
	}
}

// A log-in through the app's own endpoints: redirect, IdP, callback, page.
func TestWholeLogin(t *testing.T) {
	var logins []string
	auth := rptest.New(t, func(c *rp.Config) {
		c.Events.Login = func(e event.Login) { logins = append(logins, e.Subject) }
	})
	web := nethttpadapter.New(auth.RelyingParty)
	mux := http.NewServeMux()
	mux.Handle("/auth/", web.Endpoints())
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, get("/auth/login?return_to=/notes"))
	back := get(auth.Authorize(w.Header().Get("Location"), ada))
	for _, c := range w.Result().Cookies() {
		back.AddCookie(c)
	}
	w = httptest.NewRecorder()
	mux.ServeHTTP(w, back)
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/notes" || len(logins) != 1 ||
		logins[0] != "ada" {
		t.Errorf("%d %v, log-ins %q", w.Code, w.Header(), logins)
	}
}

// The app's own values are there, and what the handler saves stays.
func TestValues(t *testing.T) {
	auth := rptest.New(t)
	who := ada
	who.Values = map[string]map[any]any{"cart": {"apples": 3}}
	r := auth.Request(get("/"), who)
	cart, err := auth.Values().Get(r, "cart")
	if err != nil || cart.IsNew || cart.Values["apples"] != 3 {
		t.Fatalf("%v, %v", cart, err)
	}
	cart.Values["apples"] = 4
	if err := cart.Save(r, httptest.NewRecorder()); err != nil {
		t.Fatal(err)
	}
	again := get("/")
	again.Header.Set("Cookie", r.Header.Get("Cookie"))
	if cart, err := auth.Values().Get(again, "cart"); err != nil || cart.Values["apples"] != 4 {
		t.Errorf("%v, %v", cart, err)
	}
}

// Session.Client calls the API of the test, with a token; nobody else answers.
func TestClient(t *testing.T) {
	auth := rptest.New(t, func(c *rp.Config) {
		c.APIs = []rp.API{{Origin: "https://api.example"}, {Origin: "https://own.example", Resource: "urn:own"},
			{Origin: "https://nobody.example"}}
	})
	tokens := map[string]string{}
	for _, origin := range []string{"https://api.example", "https://own.example"} {
		auth.ServeAPI(origin, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			tokens[r.Host] = r.Header.Get("Authorization")
			body, _ := io.ReadAll(r.Body)
			fmt.Fprint(w, r.Method, " ", r.URL.Path, " ", string(body))
		}))
	}
	client := rp.FromContext(auth.Request(get("/"), ada).Context()).Client()
	resp, err := client.Post("https://api.example/notes", "text/plain", strings.NewReader("milk"))
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(resp.Body); string(body) != "POST /notes milk" {
		t.Errorf("%q", body)
	}
	if _, err := client.Get("https://own.example/"); err != nil {
		t.Error(err)
	}
	if a, b := tokens["api.example"], tokens["own.example"]; !strings.HasPrefix(a, "Bearer ") ||
		!strings.HasPrefix(b, "Bearer ") || a == b {
		t.Errorf("%v", tokens)
	}
	if _, err := client.Get("https://nobody.example/"); err == nil || !strings.Contains(err.Error(), "ServeAPI") {
		t.Errorf("%v", err)
	}
}

// A session ends as in production, in virtual time too: Done, Err and the reason.
func TestEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		auth := rptest.New(t, func(c *rp.Config) { c.Idle = 15 * time.Minute })
		s := rp.FromContext(auth.Request(get("/"), ada).Context())
		select {
		case <-s.Done():
			t.Fatal("it is over at once")
		default:
		}
		if err := s.End(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-s.Done()
		var ended *rp.EndedError
		if err := s.Err(); !errors.As(err, &ended) || ended.Reason != reason.Admin {
			t.Errorf("%v", err)
		}
		r := auth.Request(get("/"), ada)
		time.Sleep(10 * time.Minute)
		if _, err := auth.Authenticate(r); err != nil {
			t.Errorf("after 10 minutes: %v", err)
		}
		time.Sleep(16 * time.Minute)
		if _, err := auth.Authenticate(r); !errors.As(err, &ended) || ended.Reason != reason.Idle {
			t.Errorf("after 16 more: %v", err)
		}
	})
}

// An active session goes on for hours: its tokens are refreshed.
func TestGoesOn(t *testing.T) {
	for _, kind := range []rp.Kind{rp.RefreshToken, rp.ReferenceToken, rp.NoToken} {
		synctest.Test(t, func(t *testing.T) {
			auth := rptest.New(t, func(c *rp.Config) { c.Kind = kind })
			r := auth.Request(get("/"), ada)
			for range 100 {
				time.Sleep(4 * time.Minute)
				if _, err := auth.Authenticate(r); err != nil {
					t.Fatalf("%v: %v", kind, err)
				}
			}
		})
	}
}

// fatal is a test that would have failed.
type fatal struct {
	testing.TB
	said string
}

func (f *fatal) Fatalf(format string, a ...any) {
	f.said = fmt.Sprintf(format, a...)
	panic(f)
}

// What is wrong ends the test, with words that help.
func TestWhatIsWrong(t *testing.T) {
	said := func(f func(t testing.TB)) (said string) {
		t.Helper()
		fake := &fatal{TB: t}
		defer func() {
			if recover() != any(fake) {
				t.Error("nothing was wrong")
			}
			said = fake.said
		}()
		f(fake)
		return ""
	}
	post := httptest.NewRequest(http.MethodPost, "/", nil)
	post.Header.Set("Sec-Fetch-Site", "cross-site")
	for want, f := range map[string]func(t testing.TB){
		"another origin": func(t testing.TB) { rptest.Request(t, post, ada) },
		"Config.Prefix":  func(t testing.TB) { rptest.New(t, func(c *rp.Config) { c.Prefix = "/{x}" }) },
		"gob": func(t testing.TB) {
			rptest.Request(t, get("/"), rptest.Session{Values: map[string]map[any]any{"a": {"f": func() {}}}})
		},
		"no authorization request": func(t testing.TB) {
			rptest.New(t).Authorize("https://idp.test/authorize?client_id=app", ada)
		},
	} {
		if got := said(f); !strings.Contains(got, want) || !strings.HasPrefix(got, "rptest: ") {
			t.Errorf("%q does not say %q", got, want)
		}
	}
}

// An app that sets a cookie of its own at the log-in gets the session's from Cookie all the
// same, whatever that is called.
func TestCookieBesideTheHooks(t *testing.T) {
	for _, base := range []string{"https://app.test", "https://app.test/notes"} {
		auth := rptest.New(t, func(c *rp.Config) {
			c.BaseURL = base
			c.ResponseMode, c.KeepFragments, c.ThirdPartyLogin = "form_post", true, true
			c.OnLogin = func(w http.ResponseWriter, _ *http.Request, l *rp.Login) error {
				http.SetCookie(w, &http.Cookie{Name: "flash", Value: "hello", Path: "/", Secure: true})
				return nil
			}
		})
		r := auth.Request(httptest.NewRequest(http.MethodGet, "/", nil),
			rptest.Session{Subject: "ada", Values: map[string]map[any]any{"x": {"a": "b"}}})
		if s := rp.FromContext(r.Context()); s == nil || s.Subject() != "ada" {
			t.Errorf("%s: %v", base, s)
		}
	}
}
