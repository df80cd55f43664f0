package rp_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
)

// rewriting changes the JSON that the token endpoint answers: a member is set to
// raw JSON, whatever that is.
func rewriting(c *rp.Config, change func(map[string]json.RawMessage)) {
	next := c.HTTPClient.Transport
	c.HTTPClient = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err != nil || r.URL.Path != "/token" || resp.StatusCode != 200 {
			return resp, err
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, err
		}
		var doc map[string]json.RawMessage
		if err := json.Unmarshal(body, &doc); err != nil {
			return nil, err
		}
		change(doc)
		var b bytes.Buffer
		b.WriteByte('{')
		for name, raw := range doc {
			if b.Len() > 1 {
				b.WriteByte(',')
			}
			b.WriteString(`"` + name + `":` + string(raw)) // json.Marshal would not let nonsense pass
		}
		b.WriteByte('}')
		resp.Body = io.NopCloser(&b)
		resp.ContentLength = int64(b.Len())
		resp.Header.Del("Content-Length")
		return resp, nil
	})}
}

// Lifetimes that make no sense are as good as none: the log-in works, an hour of
// activity ends nothing, and the IdP is not asked at every click.
func TestSenselessLifetimes(t *testing.T) {
	for _, name := range []string{"expires_in", "refresh_expires_in", "refresh_token_timeout",
		"authorization_expires_in"} {
		for _, raw := range []string{
			"-1", "0", "null", `""`, `"soon"`, `"-5"`, "true", "[]", "{}", "1e9", "99999999999999999999", "1e300",
			"-1e300", "3599.5", `"3600"`, `"3600.5"`, "0.0001", `"NaN"`, `"Inf"`, `"0x10"`,
		} {
			t.Run(name+" "+raw, func(t *testing.T) {
				s := setup{idp: patient, config: func(c *rp.Config) {
					rewriting(c, func(doc map[string]json.RawMessage) { doc[name] = json.RawMessage(raw) })
				}}
				inBubble(t, s, func(t *testing.T, w *world) {
					v := w.visitor("ada")
					v.login()
					for range 60 {
						time.Sleep(time.Minute)
						if a := v.get("/private"); a.status != 200 {
							t.Fatalf("after %v: %v", w.age(), a)
						}
						if a := v.fetch("/passive"); a.status != 200 {
							t.Fatalf("a poll after %v: %v", w.age(), a)
						}
					}
					if n := w.idp.Count(idpmock.EndpointRefresh, "notes"); n > 40 || n < 8 {
						t.Errorf("%d refreshes in an hour", n)
					}
					w.expectEnds()
				})
			})
		}
	}
}

// Answers of the wrong shape or size end a log-in with a page and a session with
// nothing: it goes on as soon as the IdP is itself again.
func TestSenselessAnswers(t *testing.T) {
	for name, change := range map[string]func(map[string]json.RawMessage){
		"access_token is a number": func(doc map[string]json.RawMessage) {
			doc["access_token"] = json.RawMessage("7")
		},
		"access_token is empty": func(doc map[string]json.RawMessage) {
			doc["access_token"] = json.RawMessage(`""`)
		},
		"token_type is a list": func(doc map[string]json.RawMessage) { doc["token_type"] = json.RawMessage("[]") },
		"no token_type":        func(doc map[string]json.RawMessage) { delete(doc, "token_type") },
		"id_token is a number": func(doc map[string]json.RawMessage) { doc["id_token"] = json.RawMessage("7") },
		"id_token is null":     func(doc map[string]json.RawMessage) { doc["id_token"] = json.RawMessage("null") },
		"id_token has line ends": func(doc map[string]json.RawMessage) {
			doc["id_token"] = json.RawMessage(`"a\nb.c.d"`)
		},
		"refresh_token is a object": func(doc map[string]json.RawMessage) {
			doc["refresh_token"] = json.RawMessage("{}")
		},
		"a megabyte of tokens": func(doc map[string]json.RawMessage) {
			doc["access_token"] = json.RawMessage(`"` + strings.Repeat("x", 1<<20) + `"`)
		},
		"deep":      func(doc map[string]json.RawMessage) { doc["x"] = json.RawMessage(strings.Repeat("[", 20000)) },
		"truncated": func(doc map[string]json.RawMessage) { doc["x"] = json.RawMessage(`"`) },
	} {
		t.Run(name, func(t *testing.T) {
			spoil := false
			s := setup{idp: patient, config: func(c *rp.Config) {
				rewriting(c, func(doc map[string]json.RawMessage) {
					if spoil {
						change(doc)
					}
				})
			}}
			inBubble(t, s, func(t *testing.T, w *world) {
				w.idp.Update(func(c *idpmock.Config) { c.RefreshReuseGrace = time.Hour })
				v, late := w.visitor("ada"), w.visitor("bob")
				v.login()
				spoil = true
				if a := late.get(late.authorize(late.start("/auth/login"))); (a.status < 400 || a.status == 500) &&
					late.status().State != "live" {
					t.Errorf("a log-in: %v", a)
				}
				time.Sleep(6 * time.Minute)
				for range 5 {
					if a := v.get("/private"); a.status != 200 && a.status != 503 {
						t.Errorf("a click: %v", a)
					}
					time.Sleep(time.Minute)
				}
				v.expect("live", "")
				spoil = false
				time.Sleep(2 * time.Minute)
				v.welcome()
				w.expectEnds()
			})
		})
	}
}
