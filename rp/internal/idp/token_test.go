package idp

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/dpop"
	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

// server answers every request the same way and keeps the last one.
type server struct {
	status int
	header http.Header
	body   io.Reader
	err    error
	asked  *http.Request
	form   url.Values
}

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	s.asked = r
	if r.Body != nil {
		raw, _ := io.ReadAll(r.Body)
		s.form, _ = url.ParseQuery(string(raw))
	}
	if s.err != nil {
		return nil, s.err
	}
	h := s.header
	if h == nil {
		h = http.Header{"Content-Type": {"application/json"}}
	}
	return &http.Response{StatusCode: s.status, Header: h, Body: io.NopCloser(s.body), Request: r}, nil
}

func (s *server) client() *Client {
	return &Client{HTTP: &http.Client{Transport: s}, Auth: Secret{ID: "notes", Secret: "s3cret"}, Now: time.Now,
		TokenURL: "https://idp.example/token", UserinfoURL: "https://idp.example/userinfo",
		RevocationURL: "https://idp.example/revoke"}
}

func says(status int, body string) *server {
	return &server{status: status, body: strings.NewReader(body)}
}

// RT-09, RT-11: an answer is read as what it is, and nothing good in it is lost for
// a detail beside it.
func TestTokensAreReadAsTheyAre(t *testing.T) {
	for _, row := range []struct {
		name, body, contentType string
		want                    Tokens
	}{
		{"all of it", `{"access_token":"a","token_type":"Bearer","refresh_token":"r","id_token":"i","scope":"openid","expires_in":300,"refresh_expires_in":900,"authorization_expires_in":3600}`, "",
			Tokens{"a", "Bearer", "r", "i", "openid", 5 * time.Minute, 15 * time.Minute, 15 * time.Minute, time.Hour}},
		{"no token_type", `{"access_token":"a","refresh_token":"r"}`, "", Tokens{Access: "a", Refresh: "r"}},
		{"expires_in as text", `{"access_token":"a","expires_in":"300"}`, "",
			Tokens{Access: "a", AccessLife: 5 * time.Minute}},
		{"expires_in as nonsense", `{"access_token":"a","refresh_token":"r","expires_in":{"x":1}}`, "",
			Tokens{Access: "a", Refresh: "r"}},
		{"expires_in beyond all numbers", `{"access_token":"a","refresh_token":"r","expires_in":1e400}`, "",
			Tokens{Access: "a", Refresh: "r"}},
		{"a negative expires_in", `{"access_token":"a","expires_in":-1}`, "", Tokens{Access: "a"}},
		{"JSON as text/plain", `{"access_token":"a","refresh_token":"r"}`, "text/plain",
			Tokens{Access: "a", Refresh: "r"}},
		{"JSON without content type", `{"access_token":"a","refresh_token":"r"}`, "-",
			Tokens{Access: "a", Refresh: "r"}},
		{"a scope that is a list", `{"access_token":"a","refresh_token":"r","scope":["openid"]}`, "",
			Tokens{Access: "a", Refresh: "r"}},
		{"Microsoft's name", `{"access_token":"a","refresh_token_expires_in":86400}`, "",
			Tokens{Access: "a", RefreshLife: 24 * time.Hour}},
		{"no access token (B2C)", `{"id_token":"i","refresh_token":"r"}`, "", Tokens{ID: "i", Refresh: "r"}},
		{"null", `{"access_token":"a","refresh_token":null}`, "", Tokens{Access: "a"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := says(200, row.body)
			if row.contentType != "" {
				s.header = http.Header{"Content-Type": {row.contentType}}
			}
			got, out := s.client().Refresh(t.Context(), "old", nil)
			if out.Err != nil || *got != row.want {
				t.Errorf("%+v, %v; want %+v", got, out.Err, row.want)
			}
		})
	}
}

// What is no good answer says so, by code and description, and by no token.
func TestTokenRefusals(t *testing.T) {
	for _, row := range []struct {
		name   string
		s      *server
		want   verdict.Answer
		says   string
		asked  time.Duration
		silent string // must not be in the error
	}{
		{name: "RT-01", s: says(400, `{"error":"invalid_grant","error_description":"Token is not active"}`),
			want: verdict.Answer{Status: 400, Code: "invalid_grant"}, says: "answered 400 invalid_grant (Token is " +
				"not active)"},
		{name: "a description that nobody should print",
			s:    says(400, `{"error":"x","error_description":"`+strings.Repeat("yes ", 2000)+`\u0000\n"}`),
			want: verdict.Answer{Status: 400, Code: "x"}, says: "(" + strings.Repeat("yes ", 50) + "…)"},
		{name: "an error in a 200", s: says(200, `{"error":"invalid_grant"}`),
			want: verdict.Answer{Status: 400, Code: "invalid_grant"}},
		{name: "RT-06", s: &server{status: 429, header: http.Header{"Retry-After": {"7"}},
			body: strings.NewReader("slow down")},
			want: verdict.Answer{Status: 429}, asked: 7 * time.Second},
		{name: "HTML", s: says(200, "<html>we are moving</html>"),
			want: verdict.Answer{Status: 200, Fault: verdict.Malformed}, silent: "moving"},
		{name: "a list", s: says(200, "[]"), want: verdict.Answer{Status: 200, Fault: verdict.Malformed}},
		{name: "null", s: says(200, "null"), want: verdict.Answer{Status: 200, Fault: verdict.Malformed}},
		{name: "no token at all", s: says(200, `{"token_type":"Bearer"}`),
			want: verdict.Answer{Status: 200, Fault: verdict.Malformed}},
		{name: "a redirect", s: says(307, ""), want: verdict.Answer{Status: 307}},
		{name: "too large", s: &server{status: 200, body: io.LimitReader(zeros{}, maxAnswer+2)},
			want: verdict.Answer{Fault: verdict.Malformed}, says: "more than"},
		{name: "cut off", s: &server{status: 200, body: io.MultiReader(strings.NewReader(`{"access_token":"secr3t`),
			torn{})},
			want: verdict.Answer{Fault: verdict.Sent}, says: "broke off", silent: "secr3t"},
		{name: "refused", s: &server{err: errors.New("connection refused")},
			want: verdict.Answer{Fault: verdict.NotSent}},
		{name: "time-out", s: &server{err: context.DeadlineExceeded}, want: verdict.Answer{Fault: verdict.NotSent}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, out := row.s.client().Refresh(t.Context(), "the-refresh-token", nil)
			if got != nil || out.Answer != row.want || out.RetryAfter != row.asked || out.Err == nil {
				t.Fatalf("%+v, %+v; want %+v", got, out, row.want)
			}
			text := out.Err.Error()
			if !strings.Contains(text, row.says) || row.silent != "" && strings.Contains(text, row.silent) ||
				strings.Contains(text, "the-refresh-token") || strings.ContainsAny(text, "\x00\n") {
				t.Errorf("error %q", text)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

type torn struct{}

func (torn) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// RFC 6749 §2.3.1: the client proves who it is in one way, in no URL.
func TestClientAuth(t *testing.T) {
	for name, row := range map[string]struct {
		auth   Auth
		header string
		form   url.Values
	}{
		"basic":         {Secret{ID: "notes", Secret: "s3cret"}, "Basic bm90ZXM6czNjcmV0", url.Values{}},
		"basic escaped": {Secret{ID: "a:b", Secret: "c d"}, "Basic YSUzQWI6Yytk", url.Values{}},
		"basic raw":     {Secret{ID: "notes", Secret: "c d+", Raw: true}, "Basic bm90ZXM6YyBkKw==", url.Values{}},
		"post": {Secret{ID: "notes", Secret: "s3cret", InForm: true}, "",
			url.Values{"client_id": {"notes"}, "client_secret": {"s3cret"}}},
		"public": {Named("notes"), "", url.Values{"client_id": {"notes"}}},
	} {
		s := says(200, `{"access_token":"a"}`)
		c := s.client()
		c.Auth = row.auth
		if _, out := c.Exchange(t.Context(), "code", "verifier", "https://notes.example/cb"); out.Err != nil {
			t.Errorf("%s: %v", name, out.Err)
		}
		if got := s.asked.Header.Get("Authorization"); got != row.header {
			t.Errorf("%s: header %q, want %q", name, got, row.header)
		}
		for _, field := range []string{"client_id", "client_secret"} {
			if s.form.Get(field) != row.form.Get(field) {
				t.Errorf("%s: %s is %q", name, field, s.form.Get(field))
			}
		}
		if s.form.Get("grant_type") != "authorization_code" || s.form.Get("code_verifier") != "verifier" ||
			s.asked.URL.RawQuery != "" {
			t.Errorf("%s: %v %v", name, s.form, s.asked.URL)
		}
	}
}

func TestUserinfo(t *testing.T) {
	bearer := func(status int, challenge string) *server {
		return &server{status: status, header: http.Header{"Www-Authenticate": {challenge}},
			body: strings.NewReader("")}
	}
	for _, row := range []struct {
		name string
		s    *server
		want verdict.Answer
		good bool
	}{
		{"good", says(200, `{"sub":"ada"}`), verdict.Answer{Status: 200}, true},
		{"CORE-11", says(200, `{"sub":"eve"}`), verdict.Answer{Status: 200, Fault: verdict.OtherUser}, false},
		{"no sub", says(200, `{}`), verdict.Answer{Status: 200, Fault: verdict.Malformed}, false},
		{"signed", &server{status: 200, header: http.Header{"Content-Type": {"application/jwt"}},
			body: strings.NewReader("e30.e30.")}, verdict.Answer{Status: 200}, true},
		{"UI-01", bearer(401, `Bearer error="invalid_token"`), verdict.Answer{Status: 401, Code: "invalid_token"},
			false},
		{"Hydra", bearer(401, `Bearer error="request_unauthorized"`),
			verdict.Answer{Status: 401, Code: "request_unauthorized"}, false},
		{"a proxy", bearer(401, `Basic realm="x"`), verdict.Answer{Status: 401, Code: verdict.OtherScheme}, false},
		{"nothing", says(204, ""), verdict.Answer{Status: 204}, false},
	} {
		_, out := row.s.client().Userinfo(t.Context(), "the-access-token", "ada")
		if out.Answer != row.want || (out.Err == nil) != row.good {
			t.Errorf("%s: %+v", row.name, out)
		}
		if out.Err != nil && strings.Contains(out.Err.Error(), "the-access-token") {
			t.Errorf("%s: %v", row.name, out.Err)
		}
	}
}

// The token is in the form if the IdP wants it there, but for one that is bound to a key (RFC 9449 §7.1).
func TestUserinfoByPost(t *testing.T) {
	for _, row := range []struct {
		byPost, bound bool
		method, auth  string
		inForm        bool
	}{
		{false, false, "GET", "Bearer t&=", false},
		{true, false, "POST", "", true},
		{false, true, "GET", "DPoP t&=", false},
		{true, true, "GET", "DPoP t&=", false},
	} {
		to := says(200, `{"sub":"ada"}`)
		c := to.client()
		c.UserinfoURL, c.Nonces, c.UserinfoByPost = "https://idp.example/userinfo", new(dpop.Nonces), row.byPost
		if row.bound {
			c = c.Bound(dpop.NewSeed())
		}
		if _, out := c.Userinfo(t.Context(), "t&=", "ada"); out.Err != nil {
			t.Fatal(out.Err)
		}
		if to.asked.Method != row.method || to.asked.Header.Get("Authorization") != row.auth ||
			(to.form.Get("access_token") == "t&=") != row.inForm || to.asked.URL.RawQuery != "" {
			t.Errorf("%+v: %s %v %v", row, to.asked.Method, to.asked.Header, to.form)
		}
	}
}

func FuzzTokens(f *testing.F) {
	f.Add([]byte(`{"access_token":"a","expires_in":"1e3","error":null}`))
	f.Add([]byte(`{"error":"invalid_grant","error_description":5}`))
	f.Add([]byte(`[`))
	f.Fuzz(func(t *testing.T, body []byte) {
		got, fail := parseTokens(body)
		if got == nil {
			if fail != (failure{}) {
				t.Error("no object, yet an error code")
			}
			return
		}
		for _, d := range []time.Duration{got.AccessLife, got.RefreshLife, got.Window, got.GrantLife} {
			if d < 0 {
				t.Errorf("a negative span: %v", d)
			}
		}
	})
}
