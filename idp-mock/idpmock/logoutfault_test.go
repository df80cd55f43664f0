package idpmock_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

// The same for logout tokens; the verdict says which a client may take.
func TestLogoutFaults(t *testing.T) {
	for _, fault := range idpmock.LogoutFaults() {
		t.Run(string(fault), func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				b := w.Browser("ada")
				w.login(b, "notes")
				s := w.session(b)
				good, err := w.LogoutToken("notes", s)
				if err != nil {
					t.Fatal(err)
				}
				raw, err := w.LogoutToken("notes", s, fault)
				if err != nil {
					t.Fatal(err)
				}
				if raw == good || !verifies(w, good) && fault != idpmock.LogoutRotatedKey {
					t.Error("no difference, or the good one is bad")
				}
				if fault == idpmock.LogoutNotAJWT {
					return
				}
				verified := verifies(w, raw)
				unverifiable := map[idpmock.LogoutFault]bool{idpmock.LogoutAlgNone: true,
					idpmock.LogoutBadSignature: true, idpmock.LogoutHS256: true, idpmock.LogoutUnknownKid: true,
					idpmock.LogoutEmbeddedKey: true}
				if verified == unverifiable[fault] {
					t.Errorf("verifies: %v", verified)
				}
				if fault.Verdict() == idpmock.Accept && !conforming(t, w, s, raw) {
					t.Error("to be accepted, but it does not conform")
				}
				if fault.Verdict() == idpmock.Reject && verified && conforming(t, w, s, raw) {
					t.Error("to be rejected, but it conforms")
				}
				status, err := w.Deliver(t.Context(), "notes", raw)
				if err != nil || status != 200 || len(w.deliveries("notes")) != 1 {
					t.Errorf("delivery: %d %v", status, err)
				}
			})
		})
	}
}

// conforming is a strict reading of OpenID Connect Back-Channel Logout 1.0 §2.6
// and of the checklist's rows BCL-06 to BCL-15, written apart from the faults.
func conforming(t *testing.T, w *world, s idpmock.Session, raw string) bool {
	t.Helper()
	h, c := peek(t, raw)
	typ, _ := h["typ"].(string)
	if typ = strings.TrimPrefix(typ, "application/"); typ != "logout+jwt" || h["alg"] != "ES256" || h["kid"] == nil ||
		h["jwk"] != nil || len(raw) > 64<<10 {
		return false
	}
	text := func(name string) string { v, _ := c[name].(string); return v }
	number := func(name string) time.Time { v, _ := c[name].(float64); return time.Unix(int64(v), 0) }
	now := time.Now()
	aud := text("aud")
	if list, ok := c["aud"].([]any); ok && len(list) == 1 {
		aud, _ = list[0].(string)
	}
	events, _ := c["events"].(map[string]any)
	_, event := events["http://schemas.openid.net/event/backchannel-logout"].(map[string]any)
	_, nonce := c["nonce"]
	switch {
	case text("iss") != w.URL || aud != "notes" || !event || nonce || text("jti") == "":
		return false
	case number("iat").After(now.Add(time.Minute)) || now.Sub(number("iat")) > 5*time.Minute ||
		!number("exp").After(now):
		return false
	// BCL-10
	case c["sub"] != nil && text("sub") == "" || c["sid"] != nil && text("sid") == "" || text("sub") == "" &&
		text("sid") == "":
		return false
	case text("sid") == s.SID && text("sub") != "" && text("sub") != s.Subject:
		return false
	}
	return true
}
