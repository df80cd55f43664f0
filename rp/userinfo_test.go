package rp_test

import (
	"testing"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// C6: a 401 that asks for something else than a token is a proxy speaking, or a
// maintenance page: it says nothing about the session. The IdP's own word ends it.
func TestUserinfo401(t *testing.T) {
	for challenge, ends := range map[string]bool{
		`Basic realm="maintenance"`: false, `Negotiate`: false, `Digest realm="x", Basic realm="y"`: false,
		`Bearer`: true, `Bearer error="invalid_token"`: true, `Basic realm="x", Bearer realm="y"`: true,
		`Bearer error="invalid_request"`: true, `Bearer error="request_unauthorized"`: true,
		"": true,
	} {
		inBubble(t, setup{kind: rp.ReferenceToken, idp: patient}, func(t *testing.T, w *world) {
			v := w.visitor("ada")
			v.login()
			time.Sleep(6 * time.Minute)
			f := idpmock.Fault{Endpoint: idpmock.EndpointUserinfo, Status: 401, Times: idpmock.Always}
			if challenge != "" {
				f.Header = map[string]string{"WWW-Authenticate": challenge}
			}
			fault := w.idp.Fault(f)
			a := v.fetch("/private")
			if ends {
				if a.status != 401 {
					t.Errorf("%q: %v", challenge, a)
				}
				v.expect("ended", reason.APIUnauthorized)
				return
			}
			if a.status != 503 {
				t.Errorf("%q: %v", challenge, a)
			}
			v.expect("live", "")
			fault.Remove()
			time.Sleep(2 * time.Minute)
			v.welcome()
			w.expectEnds()
		})
	}
}

// CORE-11: another sub at userinfo is no word about the session. It is told apart from every
// other fault, in the log and as a finding, and the session goes on once it is over.
func TestUserinfoOfSomebodyElse(t *testing.T) {
	inBubble(t, setup{kind: rp.ReferenceToken, idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		v.login()
		time.Sleep(6 * time.Minute)
		fault := w.idp.Fault(idpmock.Fault{Endpoint: idpmock.EndpointUserinfo, Response: idpmock.ResponseWrongSub,
			Times: idpmock.Always})
		if a := v.fetch("/private"); a.status != 503 {
			t.Errorf("%v", a)
		}
		v.expect("live", "")
		if !w.hasFinding("userinfo_other_subject") || w.log.has("of this client and of the IdP do not match") ||
			!w.log.has("userinfo names another person than the session: ") {
			t.Errorf("%v\n%s", w.auth[0].Findings(), w.log)
		}
		fault.Remove()
		time.Sleep(2 * time.Minute)
		v.welcome()
		w.expectEnds()
	})
}
