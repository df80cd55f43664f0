package verdict

import "testing"

// The token endpoint's answers to a refresh, one row or more per rule of
// RT-01 … RT-16. RT-11 is no verdict (what the answer leaves out stays) and
// RT-16 is a clock rule; both are tested where they live.
func TestToken(t *testing.T) {
	for _, row := range []struct {
		rule string
		in   Answer
		want Verdict
	}{
		{"RT-00 a good answer", Answer{Status: 200}, OK},
		{"RT-00 201 is a success too", Answer{Status: 201}, OK},
		{"RT-01 invalid_grant", Answer{Status: 400, Code: "invalid_grant"}, Ended},
		{"RT-01 invalid_grant with the status of some IdPs", Answer{Status: 401, Code: "invalid_grant"}, Ended},
		{"RT-01 the case of a code counts", Answer{Status: 400, Code: "Invalid_Grant"}, Interact},
		{"RT-02 invalid_client 401", Answer{Status: 401, Code: "invalid_client"}, Misconfigured},
		{"RT-02 invalid_client 400", Answer{Status: 400, Code: "invalid_client"}, Misconfigured},
		{"RT-02 a bare 401", Answer{Status: 401}, Misconfigured},
		{"RT-03 unauthorized_client", Answer{Status: 400, Code: "unauthorized_client"}, Misconfigured},
		{"RT-03 unsupported_grant_type", Answer{Status: 400, Code: "unsupported_grant_type"}, Misconfigured},
		{"RT-03 invalid_request", Answer{Status: 400, Code: "invalid_request"}, Interact},
		{"RT-04 invalid_scope: no scope was sent that could be left out", Answer{Status: 400, Code: "invalid_scope"},
			Interact},
		{"RT-05 temporarily_unavailable", Answer{Status: 400, Code: "temporarily_unavailable"}, Retry},
		{"RT-05 server_error", Answer{Status: 400, Code: "server_error"}, Retry},
		{"RT-05 500", Answer{Status: 500}, Retry},
		{"RT-05 502", Answer{Status: 502}, Retry},
		{"RT-05 503", Answer{Status: 503}, Retry},
		{"RT-05 599", Answer{Status: 599}, Retry},
		{"RT-05 a failing server's invalid_grant is not believed", Answer{Status: 500, Code: "invalid_grant"}, Retry},
		{"RT-06 429", Answer{Status: 429}, Retry},
		{"RT-06 a limiter's invalid_grant is not believed", Answer{Status: 429, Code: "invalid_grant"}, Retry},
		{"RT-07 not sent", Answer{Fault: NotSent}, Retry},
		{"RT-07 a certificate that does not verify", Answer{Fault: TLS}, Misconfigured},
		{"RT-08 lost after sending", Answer{Fault: Sent}, Unknown},
		{"RT-09 malformed success", Answer{Fault: Malformed, Status: 200}, Retry},
		{"RT-10 CORE-10 another user's ID token", Answer{Fault: OtherUser, Status: 200}, Ended},
		{"RT-12 use_dpop_nonce is no end", Answer{Status: 400, Code: "use_dpop_nonce"}, Misconfigured},
		{"RT-12 DPOP-02 invalid_dpop_proof", Answer{Status: 400, Code: "invalid_dpop_proof"}, Misconfigured},
		{"RT-13 interaction_required", Answer{Status: 400, Code: "interaction_required"}, Interact},
		{"RT-13 login_required", Answer{Status: 400, Code: "login_required"}, Interact},
		{"RT-13 consent_required", Answer{Status: 400, Code: "consent_required"}, Interact},
		{"RT-13 account_selection_required", Answer{Status: 400, Code: "account_selection_required"}, Interact},
		{"RT-14 an unknown code", Answer{Status: 400, Code: "quota_of_pigeons"}, Interact},
		{"RT-14 a firewall's 403", Answer{Status: 403}, Interact},
		{"RT-14 a moved endpoint's 404", Answer{Status: 404}, Interact},
		{"RT-14 408 passes", Answer{Status: 408}, Retry},
		{"RT-14 425 passes", Answer{Status: 425}, Retry},
		{"RT-00 299 is the last success", Answer{Status: 299}, OK},
		{"RT-15 300", Answer{Status: 300}, Misconfigured},
		{"RT-15 301", Answer{Status: 301}, Misconfigured},
		{"RT-15 302", Answer{Status: 302, Code: "invalid_grant"}, Misconfigured},
		{"RT-15 307", Answer{Status: 307}, Misconfigured},
		{"nothing at all is no success and no end", Answer{}, Misconfigured},
	} {
		t.Run(row.rule, func(t *testing.T) {
			if got := Token(row.in); got != row.want {
				t.Errorf("Token(%+v) = %v, want %v", row.in, got, row.want)
			}
		})
	}
}

// What is wrong with the token of one API is no word about the session, and what is wrong
// with the client or the IdP is.
func TestAPIToken(t *testing.T) {
	for _, row := range []struct {
		name string
		in   Answer
		want Verdict
	}{
		{"a good answer", Answer{Status: 200}, OK},
		{"RFC 8707 §2 invalid_target", Answer{Status: 400, Code: "invalid_target"}, Denied},
		{"RFC 6749 §5.2 invalid_scope", Answer{Status: 400, Code: "invalid_scope"}, Denied},
		{"Entra ID invalid_resource", Answer{Status: 400, Code: "invalid_resource"}, Denied},
		{"consent_required", Answer{Status: 400, Code: "consent_required"}, Denied},
		{"interaction_required", Answer{Status: 400, Code: "interaction_required"}, Denied},
		{"access_denied", Answer{Status: 403, Code: "access_denied"}, Denied},
		{"unauthorized_client: not for this audience", Answer{Status: 401, Code: "unauthorized_client"}, Denied},
		{"unauthorized_client in a redirect", Answer{Status: 302, Code: "unauthorized_client"}, Misconfigured},
		{"a 400 without a word", Answer{Status: 400}, Denied},
		{"invalid_client", Answer{Status: 401, Code: "invalid_client"}, Misconfigured},
		{"DPOP-02 invalid_dpop_proof", Answer{Status: 400, Code: "invalid_dpop_proof"}, Misconfigured},
		{"invalid_grant is looked at twice", Answer{Status: 400, Code: "invalid_grant"}, Ended},
		{"another subject", Answer{Fault: OtherUser, Status: 200}, Ended},
		{"429", Answer{Status: 429, Code: "invalid_target"}, Retry},
		{"500", Answer{Status: 500, Code: "invalid_target"}, Retry},
		{"lost after sending", Answer{Fault: Sent}, Unknown},
		{"malformed", Answer{Fault: Malformed, Status: 200}, Retry},
		{"TLS", Answer{Fault: TLS}, Misconfigured},
	} {
		if got := APIToken(row.in); got != row.want {
			t.Errorf("%s: APIToken(%+v) = %v, want %v", row.name, row.in, got, row.want)
		}
	}
}

// Nothing but the two documented answers ends a session (C6), whatever else
// stands in an answer.
func TestTokenEndsOnlyByInvalidGrant(t *testing.T) {
	codes := []string{"", "invalid_grant", "invalid_token", "invalid_client", "access_denied", "server_error",
		"login_required", "x"}
	for _, fault := range []Fault{None, NotSent, TLS, Sent, Malformed, OtherUser} {
		for status := 200; status < 700; status++ {
			for _, code := range codes {
				a := Answer{Fault: fault, Status: status, Code: code}
				ended := fault == OtherUser ||
					fault == None && code == "invalid_grant" && (status >= 400 && status < 500 && status != 429)
				if got := Token(a); (got == Ended) != ended {
					t.Fatalf("Token(%+v) = %v", a, got)
				}
			}
		}
	}
}

// UI-01: a refusal is a verdict only of a token that has not run out, by an endpoint
// that has accepted one of this session before.
func TestUserinfo(t *testing.T) {
	for _, row := range []struct {
		rule      string
		in        Answer
		valid     Verdict // what it means if that is so
		otherwise Verdict // if not
	}{
		{"a good answer", Answer{Status: 200}, OK, OK},
		{"RFC 6750 §3.1 invalid_token", Answer{Status: 401, Code: "invalid_token"}, Ended, Ask},
		{"a bare 401", Answer{Status: 401}, Ended, Ask},
		{"Hydra's word", Answer{Status: 401, Code: "request_unauthorized"}, Ended, Ask},
		{"401 for another reason", Answer{Status: 401, Code: "invalid_request"}, Ended, Ask},
		{"403 of Dex and ZITADEL", Answer{Status: 403}, Ended, Ask},
		{"403 insufficient_scope", Answer{Status: 403, Code: "insufficient_scope"}, Ended, Ask},
		{"a proxy asks for its own password", Answer{Status: 401, Code: OtherScheme}, Misconfigured, Misconfigured},
		{"CORE-11 another subject: none of it is used", Answer{Fault: OtherUser, Status: 200}, Misconfigured,
			Misconfigured},
		{"404", Answer{Status: 404}, Ask, Ask},
		{"299 is the last success", Answer{Status: 299}, OK, OK},
		{"300 is none", Answer{Status: 300}, Misconfigured, Misconfigured},
		{"302 to a portal", Answer{Status: 302}, Misconfigured, Misconfigured},
		{"408", Answer{Status: 408}, Retry, Retry},
		{"429", Answer{Status: 429}, Retry, Retry},
		{"500", Answer{Status: 500}, Retry, Retry},
		{"503 invalid_token", Answer{Status: 503, Code: "invalid_token"}, Retry, Retry},
		{"not sent", Answer{Fault: NotSent}, Retry, Retry},
		{"lost after sending: asking twice does no harm", Answer{Fault: Sent}, Retry, Retry},
		{"malformed", Answer{Fault: Malformed, Status: 200}, Retry, Retry},
		{"TLS", Answer{Fault: TLS}, Misconfigured, Misconfigured},
		{"nothing at all", Answer{}, Misconfigured, Misconfigured},
	} {
		t.Run(row.rule, func(t *testing.T) {
			if got := Userinfo(row.in, true); got != row.valid {
				t.Errorf("Userinfo(%+v, true) = %v, want %v", row.in, got, row.valid)
			}
			if got := Userinfo(row.in, false); got != row.otherwise {
				t.Errorf("Userinfo(%+v, false) = %v, want %v", row.in, got, row.otherwise)
			}
		})
	}
}

// RT-08, RT-09: what may have been carried out without our hearing of it.
func TestDoubtful(t *testing.T) {
	for a, want := range map[Answer]bool{
		{Status: 200}: false, {Status: 400, Code: "invalid_grant"}: false, {Status: 429}: false, {Status: 302}: false,
		{Fault: NotSent}: false, {Fault: TLS}: false, {Fault: OtherUser, Status: 200}: false,
		{Fault: Sent}: true, {Fault: Malformed, Status: 200}: true, {Status: 500}: true, {Status: 504}: true,
	} {
		if got := Doubtful(a); got != want {
			t.Errorf("Doubtful(%+v) = %v", a, got)
		}
	}
}

func TestAPI(t *testing.T) {
	for _, row := range []struct {
		rule string
		in   Answer
		want Verdict
	}{
		{"a good answer", Answer{Status: 200}, OK},
		{"API-01 401 invalid_token asks for a second look", Answer{Status: 401, Code: "invalid_token"}, Ended},
		{"API-01 401 without a code", Answer{Status: 401}, Ended},
		{"API-01 RFC 9470 step-up", Answer{Status: 401, Code: "insufficient_user_authentication"}, StepUp},
		{"API-01 403 insufficient_scope", Answer{Status: 403, Code: "insufficient_scope"}, StepUp},
		{"a plain 403 is the caller's", Answer{Status: 403}, OK},
		{"403 invalid_token never logs out", Answer{Status: 403, Code: "invalid_token"}, OK},
		{"401 invalid_request is the caller's", Answer{Status: 401, Code: "invalid_request"}, OK},
		{"DPOP-02 never ends a session", Answer{Status: 401, Code: "use_dpop_nonce"}, OK},
		{"404 is the caller's", Answer{Status: 404}, OK},
		{"302 is the caller's", Answer{Status: 302}, OK},
		{"429", Answer{Status: 429}, Retry},
		{"500", Answer{Status: 500}, Retry},
		{"500 invalid_token", Answer{Status: 500, Code: "invalid_token"}, Retry},
		{"no answer", Answer{Fault: Sent}, Retry},
	} {
		t.Run(row.rule, func(t *testing.T) {
			if got := API(row.in); got != row.want {
				t.Errorf("API(%+v) = %v, want %v", row.in, got, row.want)
			}
		})
	}
}

// API-01: an API alone never logs anybody out, and one that refuses a token which the
// IdP has just renewed is to blame, whatever userinfo says.
func TestSecondLook(t *testing.T) {
	for probe, want := range map[Verdict]Verdict{
		OK: Blamed, Ended: Ended, Ask: Ask, Retry: Retry, Unknown: Retry, Misconfigured: Retry, Interact: Retry,
	} {
		if got := SecondLook(false, probe); got != want {
			t.Errorf("SecondLook(false, %v) = %v, want %v", probe, got, want)
		}
		if got := SecondLook(true, probe); got != Blamed {
			t.Errorf("SecondLook(true, %v) = %v", probe, got)
		}
	}
}

// The words reach events, logs and metrics: they are part of the contract.
func TestString(t *testing.T) {
	for v, want := range map[Verdict]string{
		OK: "ok", Ended: "ended", Retry: "retry", Unknown: "unknown", Misconfigured: "misconfigured",
		Interact: "interact", Ask: "ask", StepUp: "step_up", Blamed: "blamed",
	} {
		if v.String() != want {
			t.Errorf("%d prints as %q, want %q", v, v, want)
		}
	}
}
