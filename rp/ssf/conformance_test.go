package ssf_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/transmitter"
	"github.com/tandem-sso/tandem/rp/ssf"
)

// module is one test of the OpenID Foundation's conformance suite for SSF receivers, by its
// name without the prefix openid-ssf-receiver-. The first seven are those of the plans
// openid-ssf-receiver-test-plan and openid-ssf-receiver-caep-test-plan of August 2026, the
// others have been added to its source since.
type module struct {
	name      string
	noInterop bool // not a part of the CAEP Interoperability Profile's plan
	noDefault bool // a part of that alone
	run       func(c *conformance)
}

var modules = []module{
	{"happypath", true, false, (*conformance).happyPath},
	{"stream-create-delete", false, false, (*conformance).createDelete},
	{"stream-status-update", true, false, (*conformance).statusUpdate},
	{"stream-verification", false, false, (*conformance).verification},
	{"unsolicited-stream-verification", false, false, (*conformance).unsolicited},
	{"stream-supported-events", false, false, (*conformance).supportedEvents},
	{"stream-caep-interop", false, true, (*conformance).caepInterop},

	{"invalid-set-rejection", false, false, (*conformance).invalidSETs},
	{"redelivered-set", false, false, (*conformance).redelivered},
	{"removed-subject-event", true, false, (*conformance).removedSubject},
	{"stream-issuer-mismatch", false, false, (*conformance).issuerMismatch},
	{"transmitter-initiated-status-change", true, false, (*conformance).statusChange},
	{"verification-behind-queued-events", false, false, (*conformance).behindQueue},
	{"verification-wrong-state", false, false, (*conformance).wrongState},
	{"verification-wrong-subject", false, false, (*conformance).wrongSubject},
	{"access-token-expiry", false, false, (*conformance).tokenExpiry},
}

// Each module, with the default profile and the CAEP Interoperability Profile, by push and by
// poll.
func TestConformance(t *testing.T) {
	for _, profile := range []string{"default", "caep_interop"} {
		for _, m := range modules {
			if interop := profile == "caep_interop"; interop && m.noInterop || !interop && m.noDefault {
				continue
			}
			t.Run(profile+"/"+m.name, func(t *testing.T) {
				for _, method := range methods {
					t.Run(strings.TrimPrefix(method, "urn:ietf:rfc:"), func(t *testing.T) {
						c := &conformance{method: method, interop: profile == "caep_interop", issuer: issuer}
						signing := func(cfg *idpmock.Config) { cfg.SigningAlg = "RS256" }
						inBubble(t, setup{idp: signing, front: c.front}, func(w *world) {
							c.world = w
							m.run(c)
						})
					})
				}
			})
		}
	}
}

// conformance is the suite's transmitter, and what it has seen.
type conformance struct {
	*world
	method  string
	interop bool
	issuer  string // of the streams that it makes

	mu     sync.Mutex
	calls  []string // of the management API: method and path
	state  string   // of the last request for verification
	tokens map[string]time.Time
}

// front is a transmitter that notes its calls, refuses with the interoperability profile
// what that leaves out, and looks at the access token where it has given out any.
func (c *conformance) front(_ *world, next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		call := r.Method + " " + r.URL.Path
		c.mu.Lock()
		c.calls = append(c.calls, call)
		if r.URL.Path == transmitter.PathSSFVerify {
			var in struct {
				State string `json:"state"`
			}
			_ = json.Unmarshal(body, &in) // the mock refuses what is none
			c.state = in.State
		}
		until, known := c.tokens[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
		refused := c.tokens != nil && strings.HasPrefix(r.URL.Path, "/ssf/") && !(known && time.Now().Before(until))
		c.mu.Unlock()
		switch {
		case refused:
			rw.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			rw.WriteHeader(http.StatusUnauthorized)
			return
		case c.interop && slices.Contains([]string{"PATCH " + transmitter.PathSSFStream, "PUT " +
			transmitter.PathSSFStream,
			"POST " + transmitter.PathSSFStatus, "POST " + transmitter.PathSSFAddSubject, "POST " +
				transmitter.PathSSFRemoveSubject}, call):
			rw.WriteHeader(http.StatusMethodNotAllowed)
			return
		case known:
			r.Header.Set("Authorization", "Bearer "+apiToken)
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		out := answer.Body.Bytes()
		if call == "POST "+transmitter.PathSSFStream {
			out = bytes.Replace(out, []byte(`"iss":"`+issuer+`"`), []byte(`"iss":"`+c.issuer+`"`), 1)
		}
		for name, values := range answer.Header() {
			if name != "Content-Length" {
				rw.Header()[name] = values
			}
		}
		rw.WriteHeader(answer.Code)
		_, _ = rw.Write(out)
	})
}

func (c *conformance) seen(call string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Contains(c.calls, call)
}

// create makes the stream, with every event that there is, and its receiver.
func (c *conformance) create() (*ssf.Receiver, ssf.Stream) {
	c.Helper()
	stream, err := c.client.CreateStream(c.Context(), ssf.StreamRequest{
		Method: c.method, PushURL: pushURL, PushToken: pushToken, Events: c.supported(),
	})
	if err != nil {
		c.Fatal(err)
	}
	return c.receiverOf(stream), stream
}

func (c *conformance) must(err error) {
	c.Helper()
	if err != nil {
		c.Fatal(err)
	}
}

func (c *conformance) deletes(s ssf.Stream) {
	c.Helper()
	c.must(c.client.DeleteStream(c.Context(), s.ID))
}

// verifies asks for the verification event and waits for it.
func (c *conformance) verifies(r *ssf.Receiver) {
	c.Helper()
	before := r.State().Verified
	c.must(r.Verify(c.Context()))
	c.settle()
	if !r.State().Verified.After(before) {
		c.Error("the stream was not verified")
	}
	time.Sleep(time.Second)
}

// about is an event about a person. That of a session has a time in milliseconds in the
// suite's module for the interoperability profile.
func (c *conformance) about(event, sub string, timestamp any) transmitter.SET {
	payload := map[string]any{"event_timestamp": timestamp, "initiating_entity": "policy",
		"reason_admin": map[string]string{"en": "Policy Violation: C076E822"}}
	for name, v := range eventMembers[event] {
		payload[name] = v
	}
	return transmitter.SET{Event: event, Payload: payload, Subject: map[string]any{"format": "iss_sub",
		"iss": c.idp.URL, "sub": sub}}
}

const (
	caepEvent = "https://schemas.openid.net/secevent/caep/event-type/"
	riscEvent = "https://schemas.openid.net/secevent/risc/event-type/"
)

// eventMembers are the types of CAEP 1.0 §3 and RISC 1.0 §2, each with what it needs.
var eventMembers = map[string]map[string]any{
	ssf.SessionRevoked:                nil,
	caepEvent + "token-claims-change": {"claims": map[string]string{"role": "ro-admin"}},
	caepEvent + "credential-change":   {"credential_type": "fido2-roaming", "change_type": "create"},
	caepEvent + "assurance-level-change": {"namespace": "NIST-AAL", "current_level": "nist-aal2",
		"change_direction": "increase"},
	caepEvent + "device-compliance-change": {"current_status": "not-compliant", "previous_status": "compliant"},
	caepEvent + "session-established":      {"acr": "AAL2", "amr": []string{"otp"}},
	caepEvent + "session-presented":        {"ext_id": "12345"},
	caepEvent + "risk-level-change":        {"current_level": "LOW", "previous_level": "HIGH", "principal": "USER"},

	riscEvent + "account-credential-change-required": nil,
	riscEvent + "account-purged":                     nil,
	riscEvent + "account-disabled":                   {"reason": "hijacking"},
	riscEvent + "account-enabled":                    nil,
	riscEvent + "identifier-changed":                 {"new-value": "new"},
	riscEvent + "identifier-recycled":                nil,
	riscEvent + "credential-compromise":              {"credential_type": "password"},
	riscEvent + "opt-in":                             nil,
	riscEvent + "opt-out-initiated":                  nil,
	riscEvent + "opt-out-cancelled":                  nil,
	riscEvent + "opt-out-effective":                  nil,
	riscEvent + "recovery-activated":                 nil,
	riscEvent + "recovery-information-changed":       nil,
	riscEvent + "sessions-revoked":                   nil,
}
