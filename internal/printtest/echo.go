package printtest

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

const (
	// AsText ends the header of an answer in HTML.
	AsText = "Content-Type: text/html\r\nConnection: close\r\n\r\n"
	// Unauthorized begins an answer with 401.
	Unauthorized = "HTTP/1.1 401 Unauthorized\r\n"

	asJSON = "Content-Type: application/json\r\nConnection: close\r\n\r\n"
	asForm = "Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n"

	ok         = "HTTP/1.1 200 OK\r\n"
	badRequest = "HTTP/1.1 400 Bad Request\r\n"
)

// Echoes are answers of a server that repeats, where § stands, a secret that it was
// sent.
func Echoes() map[string]string {
	return map[string]string{
		"error code":     badRequest + asJSON + `{"error":"§"}`,
		"error in a 200": ok + asJSON + `{"error":"§"}`,
		"description": badRequest + asJSON +
			`{"error":"invalid_request","error_description":"§","error_uri":"https://x/§"}`,
		"error in a form":   badRequest + asForm + "error=§",
		"form that is none": ok + asForm + "%zz§",
		"text":              "HTTP/1.1 500 Oops\r\n" + AsText + "§",
		"reason phrase":     "HTTP/1.1 502 §\r\n" + AsText,
		"Content-Type":      ok + "Content-Type: §\r\nConnection: close\r\n\r\n§",
		"redirect":          "HTTP/1.1 302 Found\r\nLocation: https://x.example/?§\r\n" + AsText,
		"challenge": "HTTP/1.1 403 Forbidden\r\nWWW-Authenticate: Bearer error=\"§\", scope=\"§\"\r\n" +
			AsText,
		"a challenge of 401": Unauthorized + "WWW-Authenticate: Bearer error=\"§\"\r\n" + AsText,
		"no JSON":            ok + asJSON + "§",
		"JSON, wrong types":  ok + asJSON + `{"access_token":{"§":1},"sub":["§"]}`,
		"number": ok + asJSON +
			`{"access_token":"a-token-of-the-stranger","token_type":"Bearer","expires_in":"§"}`,
		"ID token":    ok + asJSON + `{"access_token":"a-token-of-the-stranger","token_type":"Bearer","id_token":"§"}`,
		"token type":  ok + asJSON + `{"access_token":"a-token-of-the-stranger","token_type":"§"}`,
		"another sub": ok + asJSON + `{"sub":"§"}`,
		"no HTTP":     "§\r\n\r\n",
		"no status":   "HTTP/1.1 §\r\n\r\n",
		"no version":  "HTTP/§ 200 OK\r\n\r\n",
		"no header":   ok + "§\r\n\r\n",
		"header name": ok + "§ : x\r\n\r\n",
		"length":      ok + "Content-Length: §\r\n\r\n",
		"encoding":    ok + "Transfer-Encoding: §\r\n\r\n",
		"chunk":       ok + "Transfer-Encoding: chunked\r\n\r\n§\r\n",
	}
}

// Echo gives such an answer, by hand: it may be no HTTP.
func Echo(t *testing.T, answer string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fields, _ := url.ParseQuery(string(body))
		secret := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		for _, name := range []string{"token", "code", "refresh_token"} {
			if v := fields.Get(name); v != "" {
				secret = v
			}
		}
		_, _ = io.WriteString(conn, strings.ReplaceAll(answer, "§", secret))
	})
}
