package checkup_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/checkup"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/store"
)

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := f(r)
	if resp != nil {
		resp.Request = r
	}
	return resp, err
}

func answer(status int, body string, header ...string) (*http.Response, error) {
	w := httptest.NewRecorder()
	for i := 0; i < len(header); i += 2 {
		w.Header().Set(header[i], header[i+1])
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
	return w.Result(), nil
}

// told is the findings' codes, serious ones with !, in the order in which they are told.
func told(found []store.Finding) (codes []string) {
	for _, f := range found {
		code := f.Code
		if f.Serious {
			code += "!"
		}
		codes = append(codes, code)
	}
	return codes
}

var mine, others = store.Key{1}, store.Key{2}

// app answers at its own endpoints as the library does, for that client.
func app(owner store.Key) func(*http.Request) (*http.Response, error) {
	return func(r *http.Request) (*http.Response, error) {
		w := httptest.NewRecorder()
		checkup.Mark(w, r, owner)
		w.WriteHeader(http.StatusBadRequest)
		return w.Result(), nil
	}
}

func always(status int) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return answer(status, "", "Location", "/elsewhere") }
}

// BCL-03: whether an app's own endpoint answers, another client's, or something before both.
func TestLook(t *testing.T) {
	refused := errors.New("connection refused")
	for name, row := range map[string]struct {
		app  func(*http.Request) (*http.Response, error)
		want []string
		text string
	}{
		"the own endpoints":        {app(mine), nil, ""},
		"those of another client":  {app(others), []string{"backchannel_blocked!", "activity_blocked!"}, "CSRF"},
		"a gate":                   {always(401), []string{"backchannel_blocked!", "activity_blocked!"}, "CSRF"},
		"the first refusal":        {always(400), []string{"backchannel_blocked!", "activity_blocked!"}, "CSRF"},
		"nothing is there":         {always(404), []string{"backchannel_blocked!", "activity_blocked!"}, "Mount"},
		"for another method":       {always(405), []string{"backchannel_blocked!", "activity_blocked!"}, "Mount"},
		"a redirect":               {always(303), []string{"backchannel_blocked!", "activity_blocked!"}, "follow"},
		"the last of the refusals": {always(499), []string{"backchannel_blocked!", "activity_blocked!"}, "CSRF"},
		"a proxy with nobody behind": {always(500), []string{"self_unreachable"},
			"https://notes.example/app/auth/backchannel-logout (it answers 500)"},
		"nobody": {func(*http.Request) (*http.Response, error) { return nil, refused }, []string{"self_unreachable"},
			"https://notes.example/app/auth/backchannel-logout (connection refused)"},
		"the back channel alone": {func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/activity") {
				return answer(403, "")
			}
			return app(mine)(r)
		}, []string{"activity_blocked!"}, "https://notes.example/app/auth/activity is answered with 403"},
		"broken after the first": {func(r *http.Request) (*http.Response, error) {
			if strings.HasSuffix(r.URL.Path, "/activity") {
				return nil, refused
			}
			return answer(403, "")
		}, []string{"backchannel_blocked!", "self_unreachable"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []*http.Request
			c := &checkup.Reach{BaseURL: "https://notes.example/app", Prefix: "/auth", Owner: mine, Backchannel: true,
				HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
					asked = append(asked, r)
					return row.app(r)
				})}}
			found := c.Look(t.Context())
			if got := told(found); !slices.Equal(got, row.want) {
				t.Errorf("%v, want %v", got, row.want)
			}
			for _, f := range found {
				if !strings.Contains(f.Text, row.text) || strings.Contains(f.Text, "Post \"") {
					t.Errorf("%s: %s", f.Code, f.Text)
				}
			}
			looksLike(t, asked)
		})
	}
}

// looksLike holds that the first request is one of the IdP's and the second one a page's, and
// that each is known as a look of the app's own.
func looksLike(t *testing.T, asked []*http.Request) {
	t.Helper()
	for i, r := range asked {
		page := map[string]string{"Origin": "https://notes.example", "Sec-Fetch-Site": "same-origin",
			"Sec-Fetch-Mode": "cors", "Accept": "application/json"}
		for name, want := range page {
			if i == 0 {
				want = ""
			}
			if got := r.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", r.URL, name, got)
			}
		}
		if r.Method != http.MethodPost || r.Header.Get("Content-Type") != "application/x-www-form-urlencoded" ||
			!checkup.IsOwn(r) || !r.Close {
			t.Errorf("%s %s: %v, closed %v", r.Method, r.URL, r.Header, r.Close)
		}
	}
	if len(asked) > 2 {
		t.Errorf("%d requests: a redirect was followed", len(asked))
	}
}

// An IdP that sends no logout tokens needs no way for them.
func TestLookWithoutBackchannel(t *testing.T) {
	c := &checkup.Reach{BaseURL: "https://notes.example", Prefix: "/auth", Owner: mine,
		HTTP: &http.Client{Transport: roundTrip(always(403))}}
	if got := told(c.Look(t.Context())); !slices.Equal(got, []string{"backchannel_blocked", "activity_blocked!"}) {
		t.Errorf("%v", got)
	}
}

// An address that is none is told, and asked nothing.
func TestLookAtNoAddress(t *testing.T) {
	c := &checkup.Reach{BaseURL: "https://%zz", Prefix: "/auth", Owner: mine,
		HTTP: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			t.Error("it is asked")
			return answer(200, "")
		})}}
	if got := told(c.Look(t.Context())); !slices.Equal(got, []string{"self_unreachable"}) {
		t.Errorf("%v", got)
	}
}

// Who never answers is waited for five seconds, all in all.
func TestLookEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &checkup.Reach{BaseURL: "https://notes.example", Prefix: "/auth", Owner: mine,
			HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})}}
		began := time.Now()
		if got := told(c.Look(t.Context())); !slices.Equal(got, []string{"self_unreachable"}) {
			t.Errorf("%v", got)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("it took %v", took)
		}
	})
}

// Only who asks learns whose endpoint it is, and only an empty form is a look: a logout token
// under that header is told as what it is.
func TestMark(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "https://notes.example/auth/activity", http.NoBody)
	w := httptest.NewRecorder()
	checkup.Mark(w, r, mine)
	if len(w.Header()) != 0 || checkup.IsOwn(r) {
		t.Errorf("%v is told to who did not ask", w.Header())
	}
	r.Header.Set("Tandem-Check", "1")
	checkup.Mark(w, r, mine)
	if mark := w.Header().Get("Tandem-Check"); len(mark) != 12 || !checkup.IsOwn(r) {
		t.Errorf("the mark is %q", mark)
	}
	full := httptest.NewRequest(http.MethodPost, "https://notes.example/auth/activity", strings.NewReader("x"))
	full.Header.Set("Tandem-Check", "1")
	if checkup.IsOwn(full) {
		t.Error("what has a body is a look")
	}
}

// registered is a client whose IdP answers like that: at the token endpoint, and at the
// authorization endpoint.
func registered(token, authorize func(*http.Request) (*http.Response, error), pushes bool) *checkup.Registration {
	way := roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.URL.Path == "/token" {
			return token(r)
		}
		return authorize(r)
	})
	client := &http.Client{Transport: way}
	return &checkup.Registration{
		At: &idp.Endpoints{Metadata: &idp.Metadata{AuthURL: "https://idp.example/authorize"}, Pushes: pushes,
			Client: &idp.Client{HTTP: client, Now: time.Now, TokenURL: "https://idp.example/token",
				Auth: idp.Named("notes")}},
		HTTP: client, Timeout: 7 * time.Second, ClientID: "notes", Callback: "https://notes.example/auth/callback",
		Scopes: []string{"openid", "mail"},
	}
}

func says(status int, code string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) {
		body := ""
		if code != "" {
			body = fmt.Sprintf(`{"error":%q,"error_description":"because"}`, code)
		}
		return answer(status, body, "Content-Type", "application/json")
	}
}

func leads(to string) func(*http.Request) (*http.Response, error) {
	return func(*http.Request) (*http.Response, error) { return answer(http.StatusFound, "", "Location", to) }
}

const back = "https://notes.example/auth/callback"

// RFC 6749 §5.2: a code that nobody has issued shows whether the IdP takes the client.
func TestAskToken(t *testing.T) {
	for name, row := range map[string]struct {
		token func(*http.Request) (*http.Response, error)
		want  []string
		text  string
	}{
		"it takes the client": {says(400, "invalid_grant"), nil, ""},
		"it knows no such client": {says(400, "invalid_client"),
			[]string{"client_refused!"}, "invalid_client (because)"},
		"with a 401": {says(401, "invalid_client"), []string{"client_refused!"}, `ClientID ("notes")`},
		"Keycloak's wrong secret": {says(401, "unauthorized_client"),
			[]string{"client_refused!"}, "Nobody can log in"},
		"a bare 401":            {says(401, ""), []string{"client_refused!"}, "answered 401"},
		"a 401 of another kind": {says(401, "invalid_grant"), nil, ""},
		"not for this grant":    {says(400, "unauthorized_client"), []string{"grant_refused!"}, `client "notes"`},
		"no such grant": {says(400, "unsupported_grant_type"),
			[]string{"grant_refused!"}, "authorization_code"},
		"it looks at others first": {says(400, "invalid_request"), nil, ""},
		"a page":                   {says(400, ""), nil, ""},
		"an outage":                {says(503, ""), nil, ""},
		"nobody": {func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
			nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var form url.Values
			c := registered(func(r *http.Request) (*http.Response, error) {
				_ = r.ParseForm()
				form = r.PostForm
				return row.token(r)
			}, leads(back+"?error=login_required"), false)
			found := c.Ask(t.Context())
			if got := told(found); !slices.Equal(got, row.want) {
				t.Errorf("%v, want %v", got, row.want)
			}
			if len(found) > 0 && !strings.Contains(found[0].Text, row.text) {
				t.Errorf("%s", found[0].Text)
			}
			if form.Get("redirect_uri") != back || !strings.HasPrefix(form.Get("code"), "tandem-diagnose-") {
				t.Errorf("it asks %v", form)
			}
		})
	}
}

// OpenID Connect Core 1.0 §3.1.2.6 and RFC 6749 §4.1.2.1: an IdP that knows the redirect URI
// answers there; one that does not must not.
func TestAskAuthorization(t *testing.T) {
	const refused, request = "redirect_uri_refused!", "request_refused!"
	for name, row := range map[string]struct {
		authorize func(*http.Request) (*http.Response, error)
		want      []string
		text      string
	}{
		"nobody is signed in": {leads(back + "?error=login_required"), nil, ""},
		"in the fragment":     {leads(back + "#error=login_required"), nil, ""},
		"a log-in page":       {leads("https://idp.example/login"), nil, ""},
		"a page":              {says(200, ""), nil, ""},
		"the first refusal":   {says(400, ""), []string{refused}, "it answers 400"},
		"the last one":        {says(499, ""), []string{refused}, "it answers 499"},
		"too many requests":   {says(429, ""), nil, ""},
		"an outage":           {says(500, ""), nil, ""},
		"a strange answer":    {says(399, ""), nil, ""},
		"an error page": {leads("https://idp.example/e?error=invalid_request"),
			[]string{refused}, "(invalid_request)"},
		"one that begins like the URI": {leads(back + "s?error=x"), []string{refused}, "(x)"},
		"the client may not": {leads(back + "?error=unauthorized_client"),
			[]string{request}, "unauthorized_client ()"},
		"a scope that is none": {leads(back + "?error=invalid_scope&error_description=mail"),
			[]string{request}, "(mail)"},
		"a request that is none":        {leads(back + "?error=invalid_request"), []string{request}, ""},
		"no code":                       {leads(back + "?error=unsupported_response_type"), []string{request}, ""},
		"an error of the IdP's there":   {leads(back + "?error=server_error"), nil, ""},
		"a redirect that leads nowhere": {says(302, ""), nil, ""},
		"nobody": {func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
			nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var asked []*http.Request
			c := registered(says(400, "invalid_grant"), func(r *http.Request) (*http.Response, error) {
				asked = append(asked, r)
				return row.authorize(r)
			}, false)
			found := c.Ask(t.Context())
			if got := told(found); !slices.Equal(got, row.want) {
				t.Errorf("%v, want %v", got, row.want)
			}
			if len(found) > 0 && !strings.Contains(found[0].Text, row.text) {
				t.Errorf("%s", found[0].Text)
			}
			if len(asked) != 1 {
				t.Fatalf("%d requests", len(asked))
			}
			q := asked[0].URL.Query()
			if q.Get("prompt") != "none" || q.Get("client_id") != "notes" || q.Get("redirect_uri") != back ||
				q.Get("scope") != "openid mail" || q.Get("nonce") == "" || q.Get("code_challenge_method") != "S256" ||
				!asked[0].Close || asked[0].Header.Get("Accept") != "text/html" {
				t.Errorf("it asks %v %v", q, asked[0].Header)
			}
		})
	}
}

// A client that pushes its requests shows none in an address (PAR-01).
func TestAskPushes(t *testing.T) {
	c := registered(says(400, "invalid_grant"), func(r *http.Request) (*http.Response, error) {
		t.Errorf("%s is asked", r.URL)
		return answer(400, "")
	}, true)
	if found := c.Ask(t.Context()); len(found) > 0 {
		t.Errorf("%v", told(found))
	}
}

// An address that is none is not asked, and no fault of the registration.
func TestAskNoAddress(t *testing.T) {
	c := registered(says(400, "invalid_grant"), says(400, ""), false)
	c.At.Metadata = &idp.Metadata{AuthURL: "https://%zz"}
	if found := c.Ask(t.Context()); len(found) > 0 {
		t.Errorf("%v", told(found))
	}
}

// Both questions together take no longer than they may.
func TestAskEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, context.Cause(r.Context())
		}
		c := registered(never, never, false)
		began := time.Now()
		if found := c.Ask(t.Context()); len(found) > 0 || time.Since(began) != c.Timeout {
			t.Errorf("%v after %v", told(found), time.Since(began))
		}
	})
}
