package idpmock_test

import (
	"testing"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

func TestResponseFaults(t *testing.T) {
	for _, fault := range idpmock.ResponseFaults() {
		switch fault {
		case idpmock.RedirectOtherState, idpmock.RedirectNoState, idpmock.RedirectOtherIss, idpmock.RedirectNoIss,
			idpmock.ResponseIssuerMismatch:
			continue // TestRedirectFaults, TestNamedFaults
		}
		t.Run(string(fault), func(t *testing.T) {
			inBubble(t, nil, func(t *testing.T, w *world) {
				tok := w.login(w.Browser("ada"), "notes")
				ep := idpmock.EndpointRefresh
				if fault == idpmock.ResponseWrongSub || fault == idpmock.ResponseNoSub {
					ep = idpmock.EndpointUserinfo
				}
				w.Fault(idpmock.Fault{Endpoint: ep, Response: fault})
				var a answer
				if ep == idpmock.EndpointUserinfo {
					a = w.userinfo(tok.text("access_token"))
				} else {
					a = w.refresh("notes", tok.text("refresh_token"))
				}
				has := func(name string) bool { _, ok := a.fields[name]; return ok }
				if a.status != 200 {
					t.Fatal(a.status)
				}
				var ok bool
				switch fault {
				case idpmock.ResponseNotJSON, idpmock.ResponseTruncated, idpmock.ResponseEmpty:
					ok = a.fields == nil
				case idpmock.ResponseNoAccessToken:
					ok = !has("access_token") && has("refresh_token")
				case idpmock.ResponseNoTokenType:
					ok = !has("token_type") && has("access_token")
				case idpmock.ResponseNoExpiresIn:
					ok = !has("expires_in") && has("access_token")
				case idpmock.ResponseExpiresInText:
					ok = a.text("expires_in") == "300"
				case idpmock.ResponseNoIDToken:
					ok = !has("id_token") && has("access_token")
				case idpmock.ResponseTokenTypeCase:
					ok = a.text("token_type") == "bEARER"
				case idpmock.ResponseTokenTypeOther:
					ok = a.text("token_type") == "DPoP"
				case idpmock.ResponseHuge:
					ok = len(a.text("padding")) > 1<<20
				case idpmock.ResponseWrongSub:
					ok = has("sub") && a.text("sub") != "ada"
				case idpmock.ResponseNoSub:
					ok = !has("sub") && has("name")
				case idpmock.ResponseNoRefreshToken:
					// the old one stays good
					ok = !has("refresh_token") && w.refresh("notes", tok.text("refresh_token")).status == 200
				}
				if !ok {
					t.Errorf("%v", a)
				}
			})
		})
	}
}
