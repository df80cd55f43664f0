package control_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/control"
	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/idptest"
)

// openapi is the part of the document that the tests hold answers against.
type openapi struct {
	Paths map[string]map[string]struct {
		OperationID string `json:"operationId"`
		RequestBody struct {
			Content map[string]struct{ Schema map[string]any }
		} `json:"requestBody"`
		Responses map[string]struct {
			Ref     string `json:"$ref"`
			Content map[string]struct{ Schema map[string]any }
		}
	}
	Components struct{ Schemas map[string]map[string]any }
}

func document(t *testing.T) (doc openapi) {
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

// fits holds v against a schema of the few kinds that the document uses.
func (d openapi) fits(schema map[string]any, v any) error {
	if ref, ok := schema["$ref"].(string); ok {
		name := ref[strings.LastIndexByte(ref, '/')+1:]
		if d.Components.Schemas[name] == nil {
			return fmt.Errorf("%s leads nowhere", ref)
		}
		return d.fits(d.Components.Schemas[name], v)
	}
	if values, ok := schema["enum"].([]any); ok && !slices.Contains(values, v) {
		return fmt.Errorf("%v is none of %v", v, values)
	}
	switch v := v.(type) {
	case map[string]any:
		if schema["type"] != "object" {
			return fmt.Errorf("an object where %v is due", schema["type"])
		}
		props, _ := schema["properties"].(map[string]any)
		required, _ := schema["required"].([]any)
		for _, name := range required {
			if _, ok := v[name.(string)]; !ok {
				return fmt.Errorf("%v is missing", name)
			}
		}
		for name, value := range v {
			if prop, ok := props[name].(map[string]any); ok {
				if err := d.fits(prop, value); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			} else if schema["additionalProperties"] == false {
				return fmt.Errorf("%s is not in the document", name)
			}
		}
	case []any:
		items, ok := schema["items"].(map[string]any)
		if !ok {
			return fmt.Errorf("an array where %v is due", schema["type"])
		}
		for i, one := range v {
			if err := d.fits(items, one); err != nil {
				return fmt.Errorf("[%d]: %w", i, err)
			}
		}
	case string:
		if schema["type"] != "string" && schema["oneOf"] == nil {
			return fmt.Errorf("%q where %v is due", v, schema["type"])
		}
	case float64:
		if schema["type"] != "integer" && schema["type"] != "number" && schema["oneOf"] == nil {
			return fmt.Errorf("%v where %v is due", v, schema["type"])
		}
	case bool:
		if schema["type"] != "boolean" {
			return fmt.Errorf("%v where %v is due", v, schema["type"])
		}
	}
	return nil
}

// remote drives the control API and holds every answer against the document.
type remote struct {
	*world
	doc  openapi
	used map[string]bool
}

// call sends a request; path has its parameters in braces, which args fill.
func (c *remote) call(method, pattern string, status int, body any, args ...string) any {
	c.t.Helper()
	path, query, _ := strings.Cut(pattern, "?")
	op, ok := c.doc.Paths[path][strings.ToLower(method)]
	if !ok {
		c.t.Fatalf("%s %s is not in the document", method, path)
	}
	c.used[op.OperationID] = true
	to := path
	for _, a := range args {
		open, end := strings.IndexByte(to, '{'), strings.IndexByte(to, '}')
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
		var v any
		json.Unmarshal(text, &v)
		if err := c.doc.fits(op.RequestBody.Content["application/json"].Schema, v); err != nil && status < 400 {
			c.t.Errorf("%s %s: the test's body does not fit the document: %v", method, path, err)
		}
		in = strings.NewReader(string(text))
	}
	req, err := http.NewRequest(method, c.URL+"/_mock"+to, in)
	if err != nil {
		c.t.Fatal(err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != status {
		c.t.Fatalf("%s %s: %d %s, want %d", method, to, resp.StatusCode, text, status)
	}
	described, ok := op.Responses[fmt.Sprint(status)]
	if !ok {
		c.t.Errorf("%s %s: status %d is not in the document", method, path, status)
	}
	if len(text) == 0 {
		return nil
	}
	if resp.Header.Get("Content-Type") != "application/json" {
		return string(text)
	}
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		c.t.Fatal(err)
	}
	schema := described.Content["application/json"].Schema
	if described.Ref != "" {
		schema = map[string]any{"$ref": "#/components/schemas/Error"}
	}
	if err := c.doc.fits(schema, v); err != nil {
		c.t.Errorf("%s %s: the answer does not fit the document: %v\n%s", method, path, err, text)
	}
	return v
}

type object = map[string]any

// A whole test of an app in another language, over HTTP alone; every operation
// of the document is used, and every answer fits it.
func TestControlAPI(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := &remote{w, document(t), map[string]bool{}}
		c.call("PUT", "/clients/{id}", 200, object{"redirect_uris": []string{"https://new.example/cb"}, "access_token_lifetime": "90s", "secret": "new-secret"}, "new")
		c.call("PUT", "/clients/{id}", 400, object{"redirect_uris": []string{"relative"}}, "new")
		c.call("PUT", "/clients/{id}", 400, object{"redirekt_uris": []string{"https://new.example/cb"}}, "new")
		if text := fmt.Sprint(c.call("GET", "/clients", 200, nil)); !strings.Contains(text, "1m30s") || strings.Contains(text, "secret") {
			t.Errorf("clients: %s", text)
		}
		c.call("DELETE", "/clients/{id}", 204, nil, "new")
		c.call("DELETE", "/clients/{id}", 404, nil, "new")

		out := c.call("POST", "/authorize", 200, object{"user": "ada", "url": authURL(w.URL, "notes"), "browser": "b1"}).(object)
		tok := w.exchange("notes", out["callback"].(string))
		c.call("POST", "/authorize", 200, object{"user": "ada", "url": authURL(w.URL, "mail", "prompt", "none"), "browser": "b1"})
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

		id := c.call("POST", "/faults", 201, object{"endpoint": "token/refresh", "client": "notes", "hold": "after", "delay": "1s"}).(object)["id"].(string)
		c.call("POST", "/faults", 400, object{"hold": "sometimes"})
		c.call("POST", "/faults", 400, object{"name": "no-such"})
		c.call("POST", "/faults", 201, object{"name": "RT-05", "client": "mail", "retry_after": "9"})
		if got := w.ActiveFaults()[1]; got.Status != 503 || got.Client != "mail" || got.RetryAfter != "9" || got.Endpoint != idpmock.EndpointRefresh {
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

		got := c.call("POST", "/logout-tokens", 200, object{"client": "notes", "sid": sid, "faults": []string{"no-event"}, "deliver": true}).(object)
		if got["status"] != 200.0 || len(w.deliveries("notes")) != 1 || w.deliveries("notes")[0] != got["logout_token"] {
			t.Errorf("%v", got)
		}
		c.call("POST", "/logout-tokens", 404, object{"client": "nobody"})
		c.call("POST", "/logout-tokens", 400, object{"client": "notes", "faults": []string{"no-such"}})
		c.call("POST", "/keys/rotate", 204, object{"keep_old": true})

		c.call("POST", "/delivery-faults", 204, object{"client": "notes", "delay": "5s"})
		c.call("POST", "/delivery-faults", 400, object{"token": "no-such"})
		c.call("POST", "/delivery-faults", 400, object{"name": "no-such"})
		c.call("POST", "/delivery-faults", 204, object{"name": "oidcc-client-test-rp-backchannel-rpinitlogout-no-event", "client": "api"})
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

		if list := c.call("GET", "/requests?endpoint=token&client=notes&limit=2", 200, nil).([]any); len(list) != 2 || list[1].(object)["error"] != "invalid_grant" {
			t.Errorf("%v", list)
		}
		if text := fmt.Sprint(c.call("GET", "/counts", 200, nil)); !strings.Contains(text, "map[client:notes count:2 endpoint:token/refresh]") {
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
		if n := c.call("DELETE", "/users/{sub}/consents/{client}", 200, nil, "carol", "notes").(object)["sessions"]; n != 1.0 || len(w.session(carol).Clients) != 0 {
			t.Errorf("consent of %v sessions", n)
		}
		c.call("DELETE", "/users/{sub}/consents/{client}", 404, nil, "carol", "nobody")
		c.call("PATCH", "/config", 200, object{"idle_window": 120, "policies": object{"most_restrictive": true}})
		c.call("PATCH", "/config", 400, object{"idle_window": "soon"})
		if cfg := c.call("GET", "/config", 200, nil).(object); cfg["idle_window"] != "2m0s" {
			t.Errorf("%v", cfg)
		}
		c.call("PATCH", "/config", 200, object{"temperament": object{"name": "keycloak", "rotation": "strict", "reuse_grace": "3s"}})
		c.call("PATCH", "/config", 400, object{"temperament": object{"name": "keykloak"}})
		c.call("PATCH", "/config", 400, object{"temperament": object{"rotation": "sometimes"}})
		cfg, _ := c.call("GET", "/config", 200, nil).(object)
		c.call("PATCH", "/config", 200, object{"temperament": cfg["temperament"]}) // what is told can be sent back
		if again, _ := c.call("GET", "/config", 200, nil).(object); fmt.Sprint(again) != fmt.Sprint(cfg) || fmt.Sprint(cfg["temperament"].(object)["rotation"]) != "strict" {
			t.Errorf("%v\n%v", cfg, again)
		}
		c.call("GET", "/openapi.json", 200, nil)
		if page := c.call("GET", "/", 200, nil).(string); !strings.Contains(page, w.URL) || !strings.Contains(page, "<caption>Sessions") {
			t.Errorf("%.300s", page)
		}

		for path, ops := range c.doc.Paths {
			for method, op := range ops {
				if !c.used[op.OperationID] {
					t.Errorf("no test of %s %s", method, path)
				}
			}
		}
	})
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
	enum, _ := document(t).Components.Schemas["Temperament"]["properties"].(object)["name"].(object)["enum"].([]any)
	for _, name := range append(idpmock.TemperamentNames(), "") {
		if !slices.Contains(enum, any(name)) {
			t.Errorf("%q is not in %v", name, enum)
		}
	}
}

// Other websites get nothing through a visitor's browser.
func TestControlAPIIsGuarded(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		for name, change := range map[string]func(*http.Request){
			"cross-site": func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") },
			"origin":     func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") },
			"rebinding":  func(r *http.Request) { r.Host = "evil.example" },
		} {
			req, _ := http.NewRequest(http.MethodDelete, w.URL+"/_mock/requests", nil)
			change(req)
			if a := w.do(req); a.status < 400 {
				t.Errorf("%s: %v", name, a)
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
	inBubble(t, func(t *testing.T, w *world) {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, w.URL+"/_mock/events", nil)
		req.Header.Set("Accept", "text/event-stream")
		resp, err := w.http.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		synctest.Wait()
		if _, err := w.SignIn("ada"); err != nil {
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

// A fault that can meet nothing is refused, over HTTP too, and the error names what there is.
func TestAFaultThatMeetsNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, w *world) {
		c := &remote{w, document(t), map[string]bool{}}
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
			"unknown client":             {"/faults", object{"client": "note", "status": 503}, clients},
			"unknown answer":             {"/faults", object{"response": "nonsense"}, []string{"nonsense", "not-json"}},
			"unknown ID token":           {"/faults", object{"id_token": "nonsense"}, []string{"nonsense", "invalid-iss"}},
			"delivery to unknown client": {"/delivery-faults", object{"client": "note", "lose": true}, clients},
			"unknown logout token":       {"/delivery-faults", object{"token": "nonsense"}, []string{"nonsense", "like-hydra"}},
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
