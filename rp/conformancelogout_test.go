package rp_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/rp/reason"
)

func frontchannel(s *setup) {
	s.client = func(c *idpmock.Client) {
		c.BackchannelLogoutURI = ""
		c.FrontchannelLogoutURI, c.FrontchannelSessionRequired = base+"/auth/frontchannel-logout", true
	}
}

// logsOut goes to the IdP from the app's button, and returns the IdP's page and where it leads to.
func (c *conformance) logsOut(v *visitor) (endSession, back string) {
	a := v.submit("/auth/logout")
	endSession = a.location()
	if query(endSession).Get("id_token_hint") == "" {
		c.Fatalf("%v", a)
	}
	back, err := v.idp.Logout(context.Background(), endSession)
	if err != nil {
		c.Fatal(err)
	}
	return endSession, back
}

func (c *conformance) logout() {
	v := c.visitor("ada")
	v.login()
	if fault, err := idpmock.NamedFault(c.name); err == nil {
		c.idp.Fault(fault)
	}
	endSession, back := c.logsOut(v)
	sent, got := query(endSession).Get("state"), query(back).Get("state")
	if same := c.name == basicModule+"-rp-init-logout"; sent == "" || (sent == got) != same ||
		!strings.HasPrefix(back, base+"/auth/logged-out") {
		c.Errorf("state %q, then %q: %s", sent, got, back)
	}
	v.landed(v.get(back))
	v.expect("ended", reason.UserLogout)
}

var frames = regexp.MustCompile(`iframe src="([^"]*)"`)

// frontchannelLogout: the IdP's page loads our address in a frame, without cookies. With
// -opinitlogout the person starts there, and the frame ends the session; with -rpinitlogout here,
// and the frame finds it ended, which is a success.
func (c *conformance) frontchannelLogout() {
	v := c.visitor("ada")
	v.login()
	endSession, ends := c.idp.URL+"/end_session", reason.FrontchannelLogout
	if strings.HasSuffix(c.name, "-rpinitlogout") {
		endSession, ends = v.submit("/auth/logout").location(), reason.UserLogout
	}
	page := c.signOut(v, endSession)
	m := frames.FindStringSubmatch(page)
	if m == nil {
		c.Fatalf("no frame: %s", page)
	}
	frame := strings.ReplaceAll(m[1], "&amp;", "&")
	if q := query(frame); q.Get("iss") != issuer || q.Get("sid") == "" {
		c.Errorf("%s", frame)
	}
	a := c.visitor("").do("GET", frame, nil, with(navigating, "Sec-Fetch-Dest", "iframe", "Sec-Fetch-Site",
		"cross-site"))
	if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" {
		c.Errorf("%v", a)
	}
	v.expect("ended", ends)
}

var transaction = regexp.MustCompile(`name="tx" value="([^"]*)"`)

// signOut is the IdP's page after the person has agreed to the log-out.
func (c *conformance) signOut(v *visitor, endSession string) string {
	client := c.idp.Net.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	do := func(method, to string, form url.Values) string {
		r, err := http.NewRequestWithContext(c.Context(), method, to, strings.NewReader(form.Encode()))
		if err != nil {
			c.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		for _, k := range v.idp.Cookies() {
			r.AddCookie(k)
		}
		resp, err := client.Do(r)
		if err != nil {
			c.Fatal(err)
		}
		return readAll(c.T, resp)
	}
	page := do("GET", endSession, nil)
	if m := transaction.FindStringSubmatch(page); m != nil {
		page = do("POST", c.idp.URL+"/end_session/confirm", url.Values{"tx": {m[1]}, "action": {"signout"}})
	}
	return page
}

// backchannelLogout: the IdP sends a logout token during the log-out. A good one is answered with
// 200 exactly, a spoilt one with 400, and neither may be stored; then the person comes back.
func (c *conformance) backchannelLogout() {
	v := c.visitor("ada")
	v.login()
	var answers []string
	next := c.apps[0]
	c.apps[0] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/auth/backchannel-logout" {
			next.ServeHTTP(w, r)
			return
		}
		kept := httptest.NewRecorder()
		next.ServeHTTP(kept, r)
		c.note(func() { answers = append(answers, fmt.Sprint(kept.Code, " ", kept.Header().Get("Cache-Control"))) })
		w.WriteHeader(kept.Code)
	})
	want := "[200 no-store]"
	if fault, err := idpmock.NamedDeliveryFault(c.name); err == nil {
		c.idp.FaultDelivery(fault)
		want = "[400 no-store]"
	}
	_, back := c.logsOut(v)
	c.idp.Settle()
	if fmt.Sprint(answers) != want {
		c.Errorf("answered %v, want %s", answers, want)
	}
	v.landed(v.get(back))
	v.expect("ended", reason.UserLogout)
}
