package openapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// remote drives the control API and holds every request that succeeds, and every answer,
// against the document.
type remote struct {
	*world
	doc  *openapi3.T
	used map[string]bool
}

func newRemote(t *testing.T, w *world) *remote {
	t.Helper()
	text, err := os.ReadFile("../../idp-mock/control/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &remote{w, doc, map[string]bool{}}
}

// signIn begins a session and returns its sid.
func (c *remote) signIn(user string) string {
	c.t.Helper()
	b, err := c.SignIn(user)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.session(b).SID
}

// call sends a request; path has its parameters in braces, which args fill.
func (c *remote) call(method, pattern string, status int, body any, args ...string) any {
	c.t.Helper()
	path, query, _ := strings.Cut(pattern, "?")
	item := c.doc.Paths.Value(path)
	if item == nil || item.GetOperation(method) == nil {
		c.t.Fatalf("%s %s is not in the document", method, path)
	}
	op := item.GetOperation(method)
	c.used[op.OperationID] = true
	to, params := path, map[string]string{}
	for _, a := range args {
		open, end := strings.IndexByte(to, '{'), strings.IndexByte(to, '}')
		params[to[open+1:end]] = a
		to = to[:open] + a + to[end+1:]
	}
	if query != "" {
		to += "?" + query
	}
	var in io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			c.t.Fatal(err)
		}
		in = bytes.NewReader(text)
	}
	req, err := http.NewRequest(method, c.URL+"/_mock"+to, in)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	input := &openapi3filter.RequestValidationInput{Request: req, PathParams: params,
		Route: &routers.Route{Spec: c.doc, Path: path, PathItem: item, Method: method, Operation: op},
		Options: &openapi3filter.Options{IncludeResponseStatus: true, RejectWhenRequestBodyNotSpecified: true,
			MultiError: true}}
	if status < 400 {
		if err := openapi3filter.ValidateRequest(c.t.Context(), input); err != nil {
			c.t.Errorf("%s %s: the test's request does not fit the document: %v", method, path, err)
		}
		if req.GetBody != nil {
			if req.Body, err = req.GetBody(); err != nil {
				c.t.Fatal(err)
			}
		}
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if resp.StatusCode != status {
		c.t.Fatalf("%s %s: %d %s, want %d", method, to, resp.StatusCode, text, status)
	}
	if strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		input.Options.ExcludeResponseBody = true // nobody describes a page by a schema
	}
	if err := c.fits(input, resp, text); err != nil {
		c.t.Errorf("%s %s: the answer does not fit the document: %v\n%s", method, path, err, text)
	}
	if resp.Header.Get("Content-Type") != "application/json" {
		return string(text)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		c.t.Fatal(err)
	}
	return v
}

func (c *remote) fits(input *openapi3filter.RequestValidationInput, resp *http.Response, text []byte) error {
	out := &openapi3filter.ResponseValidationInput{RequestValidationInput: input, Status: resp.StatusCode,
		Header:  resp.Header,
		Options: input.Options}
	return openapi3filter.ValidateResponse(c.t.Context(), out.SetBodyBytes(text))
}

// The validator bites: it is shown answers that are wrong in one way each.
func TestTheValidatorBites(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := newRemote(t, w)
		for name, tt := range map[string]struct {
			path, text string
			status     int
		}{
			"null for a list":  {"/sessions", `null`, 200},
			"unknown member":   {"/clock", `{"now":"2026-01-01T00:00:00Z","advanced":"0s","more":1}`, 200},
			"missing member":   {"/clock", `{"advanced":"0s"}`, 200},
			"number for text":  {"/clock", `{"now":12,"advanced":"0s"}`, 200},
			"unknown status":   {"/clock", `{}`, 418},
			"not in the list":  {"/events", `[{"time":"2026-01-01T00:00:00Z","kind":"nonsense"}]`, 200},
			"wrong in a list":  {"/counts", `[{"endpoint":"token","count":"many"}]`, 200},
			"object for error": {"/sessions/{sid}", `{"error":{}}`, 404},
		} {
			item := c.doc.Paths.Value(tt.path)
			req, err := http.NewRequest(http.MethodGet, c.URL+"/_mock"+tt.path, nil)
			if err != nil {
				t.Fatal(err)
			}
			input := &openapi3filter.RequestValidationInput{Request: req,
				Options: &openapi3filter.Options{IncludeResponseStatus: true},
				Route:   &routers.Route{Spec: c.doc, Path: tt.path, PathItem: item, Method: "GET", Operation: item.Get}}
			resp := &http.Response{StatusCode: tt.status, Header: http.Header{"Content-Type": {"application/json"}}}
			if c.fits(input, resp, []byte(tt.text)) == nil {
				t.Errorf("%s: %s %s fits", name, tt.path, tt.text)
			}
		}
	})
}

type object = map[string]any

// A whole test of an app in another language, over HTTP alone; every operation
// of the document is used, and every answer fits it.
func TestControlAPI(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := newRemote(t, w)
		c.call("PUT", "/clients/{id}", 200, object{"redirect_uris": []string{"https://new.example/cb"},
			"access_token_lifetime": "90s", "secret": "new-secret"}, "new")
		c.call("PUT", "/clients/{id}", 400, object{"redirect_uris": []string{"relative"}}, "new")
		c.call("PUT", "/clients/{id}", 400, object{"redirekt_uris": []string{"https://new.example/cb"}}, "new")
		if text := fmt.Sprint(c.call("GET", "/clients", 200, nil)); !strings.Contains(text, "1m30s") ||
			strings.Contains(text, "secret") {
			t.Errorf("clients: %s", text)
		}
		c.call("DELETE", "/clients/{id}", 204, nil, "new")
		c.call("DELETE", "/clients/{id}", 404, nil, "new")

		out := c.call("POST", "/authorize", 200, object{"user": "ada", "url": authURL(w.URL, "notes"),
			"browser": "b1"}).(object)
		tok := w.exchange("notes", out["callback"].(string))
		c.call("POST", "/authorize", 200, object{"user": "ada", "url": authURL(w.URL, "mail", "prompt", "none"),
			"browser": "b1"})
		c.call("POST", "/authorize", 400, object{"user": "ada", "url": "https://elsewhere.example/"})
		sessions := c.call("GET", "/sessions?sub=ada", 200, nil).([]any)
		if len(sessions) != 1 || len(c.call("GET", "/sessions?sub=bob", 200, nil).([]any)) != 0 {
			t.Fatalf("%v", sessions)
		}
		sid := sessions[0].(object)["sid"].(string)

		time.Sleep(10 * time.Minute)
		c.call("POST", "/sessions/{sid}/extend", 200, object{"client": "notes"}, sid) // an API reports activity
		s := c.call("GET", "/sessions/{sid}", 200, nil, sid).(object)
		if s["idle_deadline"] != time.Now().Add(15*time.Minute).Format(time.RFC3339Nano) {
			t.Errorf("deadline %v at %v", s["idle_deadline"], time.Now())
		}
		c.call("POST", "/sessions/{sid}/extend", 404, nil, "nonsense")

		id := c.call("POST", "/faults", 201, object{"endpoint": "token/refresh", "client": "notes", "hold": "after",
			"delay": "1s"}).(object)["id"].(string)
		c.call("POST", "/faults", 400, object{"hold": "sometimes"})
		c.call("POST", "/faults", 400, object{"name": "no-such"})
		c.call("POST", "/faults", 201, object{"name": "RT-05", "client": "mail", "retry_after": "9"})
		if got := w.ActiveFaults()[1]; got.Status != 503 || got.Client != "mail" || got.RetryAfter != "9" ||
			got.Endpoint != idpmock.EndpointRefresh {
			t.Errorf("%+v", got)
		}
		c.call("POST", "/faults", 400, object{"id_token": "no-such"})
		done := make(chan answer, 1)
		go func() { done <- w.refresh("notes", tok.text("refresh_token")) }()
		time.Sleep(2 * time.Second)
		if len(done) != 0 {
			t.Fatal("answered although held")
		}
		c.call("POST", "/faults/{id}/release", 204, nil, id)
		if tok = <-done; tok.status != 200 {
			t.Fatal(tok)
		}
		c.call("DELETE", "/faults/{id}", 204, nil, id)
		c.call("POST", "/faults/{id}/release", 404, nil, id)
		c.call("POST", "/faults", 201, object{"endpoint": "userinfo", "status": 503, "retry_after": "5", "times": -1})
		if list := c.call("GET", "/faults", 200, nil).([]any); len(list) != 2 {
			t.Errorf("faults: %v", list)
		}
		if a := w.userinfo(tok.text("access_token")); a.status != 503 {
			t.Error(a)
		}
		c.call("DELETE", "/faults", 204, nil)
		if a := w.userinfo(tok.text("access_token")); a.status != 200 {
			t.Error(a)
		}

		got := c.call("POST", "/logout-tokens", 200,
			object{"client": "notes", "sid": sid, "faults": []string{"no-event"}, "deliver": true}).(object)
		if got["status"] != 200.0 || len(w.deliveries("notes")) != 1 ||
			w.deliveries("notes")[0] != got["logout_token"] {
			t.Errorf("%v", got)
		}
		c.call("POST", "/logout-tokens", 404, object{"client": "nobody"})
		c.call("POST", "/logout-tokens", 400, object{"client": "notes", "faults": []string{"no-such"}})
		c.call("POST", "/keys/rotate", 204, object{"keep_old": true})

		c.call("POST", "/delivery-faults", 204, object{"client": "notes", "delay": "5s"})
		c.call("POST", "/delivery-faults", 400, object{"token": "no-such"})
		c.call("POST", "/delivery-faults", 400, object{"name": "no-such"})
		c.call("POST", "/delivery-faults", 204, object{"name": "oidcc-client-test-rp-backchannel-rpinitlogout-no-event",
			"client": "api"})
		if clock := c.call("POST", "/clock/advance", 200, object{"by": "16m"}).(object); clock["advanced"] != "16m0s" {
			t.Errorf("%v", clock)
		}
		c.call("POST", "/clock/advance", 400, object{"by": "-1m"})
		c.call("GET", "/clock", 200, nil)
		if list := c.call("GET", "/outbox", 200, nil).([]any); len(list) == 0 {
			t.Error("nothing in the outbox")
		}
		c.call("POST", "/outbox/settle", 204, nil)
		c.call("DELETE", "/delivery-faults", 204, nil)
		if len(w.deliveries("notes")) != 2 || len(w.deliveries("mail")) != 1 {
			t.Error("not told of the expiry")
		}
		if a := w.refresh("notes", tok.text("refresh_token")); a.text("error") != "invalid_grant" {
			t.Error(a)
		}

		if list := c.call("GET", "/requests?endpoint=token&client=notes&limit=2", 200, nil).([]any); len(list) != 2 ||
			list[1].(object)["error"] != "invalid_grant" {
			t.Errorf("%v", list)
		}
		if text := fmt.Sprint(c.call("GET", "/counts", 200, nil)); !strings.Contains(text,
			"map[client:notes count:2 endpoint:token/refresh]") {
			t.Errorf("counts: %s", text)
		}
		c.call("DELETE", "/requests", 204, nil)
		c.call("GET", "/events", 200, nil)

		b, err := w.SignIn("ada")
		if err != nil {
			t.Fatal(err)
		}
		c.call("DELETE", "/sessions/{sid}", 204, nil, w.session(b).SID)
		c.call("DELETE", "/sessions/{sid}", 404, nil, sid)
		w.SignIn("bob")
		if n := c.call("DELETE", "/users/{sub}/sessions", 200, nil, "bob").(object)["ended"]; n != 1.0 {
			t.Errorf("ended %v", n)
		}
		carol, _ := w.SignIn("carol")
		carol.Authorize(t.Context(), authURL(w.URL, "notes"))
		if n := c.call("DELETE", "/users/{sub}/consents/{client}", 200, nil, "carol",
			"notes").(object)["sessions"]; n != 1.0 || len(w.session(carol).Clients) != 0 {
			t.Errorf("consent of %v sessions", n)
		}
		c.call("DELETE", "/users/{sub}/consents/{client}", 404, nil, "carol", "nobody")
		c.call("PATCH", "/config", 200, object{"idle_window": 120, "policies": object{"most_restrictive": true}})
		c.call("PATCH", "/config", 400, object{"idle_window": "soon"})
		if cfg := c.call("GET", "/config", 200, nil).(object); cfg["idle_window"] != "2m0s" {
			t.Errorf("%v", cfg)
		}
		c.call("PATCH", "/config", 200, object{"temperament": object{"name": "keycloak", "rotation": "strict",
			"reuse_grace": "3s"}})
		c.call("PATCH", "/config", 400, object{"temperament": object{"name": "keykloak"}})
		c.call("PATCH", "/config", 400, object{"temperament": object{"rotation": "sometimes"}})
		cfg, _ := c.call("GET", "/config", 200, nil).(object)
		c.call("PATCH", "/config", 200, object{"temperament": cfg["temperament"]}) // what is told can be sent back
		if again, _ := c.call("GET", "/config", 200, nil).(object); fmt.Sprint(again) != fmt.Sprint(cfg) ||
			fmt.Sprint(cfg["temperament"].(object)["rotation"]) != "strict" {
			t.Errorf("%v\n%v", cfg, again)
		}
		minted := c.call("POST", "/tokens", 200,
			object{"client": "notes", "user": "fay", "audience": []string{"https://api.example"},
				"claims": object{"roles": []string{"admin"}}, "scope": "openid", "lifetime": "1m"}).(object)
		if minted["expires_in"] != 60.0 || minted["scope"] != "openid" || minted["id_token"] == nil {
			t.Errorf("%v", minted)
		}
		c.call("POST", "/tokens", 200, object{"client": "api", "lifetime": "-1m"})
		c.call("POST", "/tokens", 404, object{"client": "nobody"})
		c.call("POST", "/tokens", 404, object{"client": "notes", "user": "fay", "sid": "nonsense"})
		dora := c.signIn("dora")
		if out := c.call("POST", "/sessions/{sid}/advance", 200, object{"by": "1m"},
			dora).(object); out["ended"] != false {
			t.Errorf("after a minute: %v", out)
		}
		if out := c.call("POST", "/sessions/{sid}/advance", 200, object{"by": "2m"},
			dora).(object); out["ended"] != true {
			t.Errorf("after three minutes: %v", out)
		}
		c.call("POST", "/sessions/{sid}/advance", 400, object{"by": "-1m"}, dora)
		c.call("POST", "/sessions/{sid}/advance", 404, object{"by": "1m"}, dora)
		emil := c.signIn("emil")
		c.call("POST", "/sessions/{sid}/expire", 400, object{"cause": "logout"}, emil)
		c.call("POST", "/sessions/{sid}/expire", 204, object{"cause": "absolute"}, emil)
		c.call("POST", "/sessions/{sid}/expire", 404, nil, emil)
		c.call("GET", "/openapi.json", 200, nil)
		if page := c.call("GET", "/", 200, nil).(string); !strings.Contains(page, w.URL) ||
			!strings.Contains(page, "<caption>Sessions") {
			t.Errorf("%.300s", page)
		}

		c.call("POST", "/reset", 204, nil)
		for _, list := range []string{"/sessions", "/requests", "/counts", "/events", "/faults", "/outbox"} {
			if got, ok := c.call("GET", list, 200, nil).([]any); !ok || len(got) != 0 {
				t.Errorf("%s after reset: %v", list, got)
			}
		}
		if cfg := c.call("GET", "/config", 200, nil).(object); cfg["idle_window"] != "15m0s" ||
			len(cfg["clients"].([]any)) != 3 {
			t.Errorf("after reset: %v", cfg)
		}

		for path, item := range c.doc.Paths.Map() {
			for method, op := range item.Operations() {
				if !c.used[op.OperationID] {
					t.Errorf("no test of %s %s", method, path)
				}
			}
		}
	})
}

// A fault that can meet nothing is refused, over HTTP too, and the error names what there is.
func TestAFaultThatMeetsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := newRemote(t, w)
		clients := []string{`"note"`, "api, mail, notes"}
		for name, tt := range map[string]struct {
			path  string
			fault object
			names []string
		}{
			"unknown endpoint": {"/faults", object{"endpoint": "token/refersh", "status": 503},
				[]string{"token/refersh", "token/refresh", "callback"}},
			"endpoint of ours": {"/faults", object{"endpoint": "back-channel", "status": 503},
				[]string{"back-channel", "delivery"}},
			"unknown client": {"/faults", object{"client": "note", "status": 503}, clients},
			"unknown answer": {"/faults", object{"response": "nonsense"}, []string{"nonsense", "not-json"}},
			"unknown ID token": {"/faults", object{"id_token": "nonsense"},
				[]string{"nonsense", "invalid-iss"}},
			"delivery to unknown client": {"/delivery-faults", object{"client": "note", "lose": true}, clients},
			"unknown logout token": {"/delivery-faults", object{"token": "nonsense"},
				[]string{"nonsense", "like-hydra"}},
		} {
			got, _ := c.call("POST", tt.path, http.StatusBadRequest, tt.fault).(object)
			for _, want := range tt.names {
				if text, _ := got["error_description"].(string); !strings.Contains(text, want) {
					t.Errorf("%s: %q does not name %q", name, text, want)
				}
			}
		}
		if n := len(w.ActiveFaults()); n != 0 {
			t.Errorf("%d refused faults are in force", n)
		}
	})
}
