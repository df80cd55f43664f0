package verdict_test

import (
	"net/http"
	"testing"

	"github.com/tandem-sso/tandem/rp/internal/verdict"
)

// What the authorization endpoint says of a log-in, and of a silent check (SM-04).
func TestAuthorizationErrors(t *testing.T) {
	for _, tc := range []struct {
		code          string
		login, silent verdict.Refusal
	}{
		{"access_denied", verdict.Cancelled, verdict.Later},
		{"temporarily_unavailable", verdict.Elsewhere, verdict.Later},
		{"server_error", verdict.Later, verdict.Later},
		{"login_required", verdict.Failed, verdict.NoSession}, // SM-04: and nothing else says so
		{"interaction_required", verdict.Failed, verdict.NotSilently},
		{"consent_required", verdict.Failed, verdict.NotSilently},
		{"account_selection_required", verdict.Failed, verdict.NotSilently},
		{"invalid_request", verdict.Failed, verdict.NotTaken},
		{"unauthorized_client", verdict.Failed, verdict.Later},
		{"invalid_scope", verdict.Failed, verdict.Later},
		{"LOGIN_REQUIRED", verdict.Failed, verdict.Later}, // codes are compared exactly
		{"made_up", verdict.Failed, verdict.Later},
		{"", verdict.Failed, verdict.Later},
	} {
		if got := verdict.Login(tc.code); got != tc.login {
			t.Errorf("a log-in, %q: %v, want %v", tc.code, got, tc.login)
		}
		if got := verdict.Silent(tc.code); got != tc.silent {
			t.Errorf("a silent check, %q: %v, want %v", tc.code, got, tc.silent)
		}
	}
}

// What a code that brings no tokens means (RFC 6749 §5.2), and a request that is pushed and
// not taken (RFC 9126 §2.3, PAR-01).
func TestRefusedRequests(t *testing.T) {
	for _, tc := range []struct {
		name                     string
		answer                   verdict.Answer
		exchange, pushed, silent verdict.Refusal
	}{
		{"not sent", verdict.Answer{Fault: verdict.NotSent}, verdict.Later, verdict.Later, verdict.Later},
		{"no answer", verdict.Answer{Fault: verdict.Sent}, verdict.Later, verdict.Later, verdict.Later},
		{"nonsense", verdict.Answer{Fault: verdict.Malformed, Status: http.StatusOK}, verdict.Later, verdict.Later,
			verdict.Later},
		{"another server", verdict.Answer{Fault: verdict.TLS}, verdict.Later, verdict.Later, verdict.Later},
		{"500", verdict.Answer{Status: http.StatusInternalServerError, Code: "invalid_grant"}, verdict.Later,
			verdict.Later, verdict.Later},
		{"503", verdict.Answer{Status: http.StatusServiceUnavailable}, verdict.Later, verdict.Later, verdict.Later},
		{"429", verdict.Answer{Status: http.StatusTooManyRequests, Code: "invalid_grant"}, verdict.Later,
			verdict.Later, verdict.Later},
		{"a used code", verdict.Answer{Status: http.StatusBadRequest, Code: "invalid_grant"}, verdict.Spent,
			verdict.Unfit, verdict.NotTaken},
		{"a bad request", verdict.Answer{Status: http.StatusBadRequest, Code: "invalid_request"}, verdict.Unfit,
			verdict.Unfit, verdict.NotTaken},
		{"a wrong secret", verdict.Answer{Status: http.StatusUnauthorized, Code: "invalid_client"}, verdict.Unfit,
			verdict.Unfit, verdict.Later},
		{"401 without a word", verdict.Answer{Status: http.StatusUnauthorized}, verdict.Unfit, verdict.Unfit,
			verdict.Later},
		{"a grant that is not allowed", verdict.Answer{Status: http.StatusBadRequest, Code: "unauthorized_client"},
			verdict.Unfit, verdict.Unfit, verdict.Later},
		{"a redirect", verdict.Answer{Status: http.StatusFound}, verdict.Unfit, verdict.Unfit, verdict.Later},
		{"400", verdict.Answer{Status: http.StatusBadRequest}, verdict.Unfit, verdict.Unfit, verdict.NotTaken},
		{"499", verdict.Answer{Status: 499}, verdict.Unfit, verdict.Unfit, verdict.NotTaken},
	} {
		if got := verdict.Exchange(tc.answer); got != tc.exchange {
			t.Errorf("%s, for a code: %v, want %v", tc.name, got, tc.exchange)
		}
		if got := verdict.Pushed(tc.answer, false); got != tc.pushed {
			t.Errorf("%s, of a log-in's request: %v, want %v", tc.name, got, tc.pushed)
		}
		if got := verdict.Pushed(tc.answer, true); got != tc.silent {
			t.Errorf("%s, of a silent check's request: %v, want %v", tc.name, got, tc.silent)
		}
	}
}
