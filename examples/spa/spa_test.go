package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/tandem-sso/tandem/examples/internal/kit"
)

// The page gets what is on the list, from the API that gets the token and no cookie. The
// WebSocket ends with the session.
func TestSPA(t *testing.T) {
	// The API says what it was sent.
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.SetCookie(w, &http.Cookie{Name: "api", Value: "1"})
		_ = json.NewEncoder(w).Encode(map[string]any{
			"asked": r.Method + " " + r.URL.Path, "token": strings.HasPrefix(r.Header.Get("Authorization"), "Bearer "),
			"cookie": r.Header.Get("Cookie"),
		})
	}))
	defer api.Close()
	idp, listen := kit.StartIDP(t), kit.Address(t)
	base := "http://" + listen
	idp.Register("notes", base)
	kit.Run(t, idp, ".", listen, base, "API="+api.URL)
	ada := idp.Person("ada", base)

	ada.Shows(ada.Get("/"), `src="/app.js"`)
	ada.Shows(ada.Get("/app.js"), "login_url")
	page := ada.Fetch(http.MethodGet, "/api/notes", nil, nil)
	if page.Status != http.StatusUnauthorized || !strings.Contains(page.Body, `"login_url":"/auth/login"`) {
		t.Errorf("not logged in, the page gets %d %s", page.Status, page.Body)
	}
	ada.Get("/auth/login?return_to=/")

	page = ada.Fetch(http.MethodGet, "/api/notes", nil, map[string]string{"Authorization": "Basic of-the-page"})
	ada.Shows(page, `"asked":"GET /notes"`, `"token":true`, `"cookie":""`)
	if page.Header.Get("Set-Cookie") != "" {
		t.Errorf("the API sets the cookie %s", page.Header.Get("Set-Cookie"))
	}
	ada.Shows(ada.Fetch(http.MethodPost, "/api/notes", nil, nil), `"asked":"POST /notes"`)
	ada.Shows(ada.Fetch(http.MethodDelete, "/api/notes/1%202", nil, nil), `"asked":"DELETE /notes/1 2"`)
	for _, refused := range []string{"GET /api/admin", "PUT /api/notes", "DELETE /api/notes", "GET /api/notes/1",
		"DELETE /api/notes/..%2Fadmin", "DELETE /api/notes/%2e%2e"} {
		method, path, _ := strings.Cut(refused, " ")
		if page := ada.Fetch(method, path, nil, nil); page.Status < 400 || strings.Contains(page.Body, "asked") {
			t.Errorf("%s is passed on: %d %s", refused, page.Status, page.Body)
		}
	}
	// Of a neighbour, to whom the browser sends the cookie all the same.
	foreign := map[string]string{"Origin": "https://evil.example", "Sec-Fetch-Site": "same-site"}
	if page := ada.Fetch(http.MethodPost, "/api/notes", nil, foreign); page.Status != http.StatusForbidden {
		t.Errorf("a page of another site: %d", page.Status)
	}

	dial := func(origin string) (*websocket.Conn, error) {
		conn, _, err := websocket.Dial(t.Context(), "ws://"+listen+"/live", &websocket.DialOptions{
			HTTPClient: ada.HTTP(), HTTPHeader: http.Header{"Origin": {origin}, "Sec-Fetch-Mode": {"websocket"}},
		})
		return conn, err
	}
	if _, err := dial("https://evil.example"); err == nil {
		t.Error("a page of another site opens the WebSocket")
	}
	conn, err := dial(base)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if _, _, err := conn.Read(t.Context()); err != nil {
		t.Fatalf("the WebSocket is silent: %v", err)
	}
	idp.LogOutEverywhere("ada")
	for err == nil {
		_, _, err = conn.Read(t.Context())
	}
	if websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("at the end of the session the WebSocket ends with %v", err)
	}
	page = ada.Fetch(http.MethodGet, "/api/notes", nil, nil)
	if page.Status != http.StatusUnauthorized || !strings.Contains(page.Body, "backchannel_logout") {
		t.Errorf("after the end the page gets %d %s", page.Status, page.Body)
	}
}
