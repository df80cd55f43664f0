package chaos

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

const who = "ada"

// script makes up a journal.
type script struct{ journal }

func sec(s float64) moment { return moment(s * float64(time.Second)) }

// asks is one request and its answer, a tenth of a second later.
func (s *script) asks(at float64, app string, k kind, cookie string, status int, change ...func(*hop)) *script {
	h := hop{Who: who, App: app, Instance: "1", Path: "/me", Kind: k, Cookie: cookie, From: sec(at), To: sec(at + 0.1),
		Status: status, RetryAfter: status == 503}
	if status == 200 {
		h.Subject, h.SID = who, "sid"
	}
	for _, f := range change {
		f(&h)
	}
	s.Hops = append(s.Hops, h)
	if k == click || k == fetch {
		v := visit{Who: who, App: app, Kind: k, Cookie: cookie, From: h.From, To: h.To, Served: h.served(), Last: h}
		v.ToLogin = status == 302 || status == 401
		s.Visits = append(s.Visits, v)
	}
	return s
}

func (s *script) served(at float64, app, cookie string) *script {
	return s.asks(at, app, click, cookie, 200)
}

// clicks is a person who is there from one time to another.
func (s *script) clicks(from, to float64, app, cookie string) *script {
	for at := from; at < to; at += 2 {
		s.served(at, app, cookie)
		s.says(at+0.05, "signal", app, endpointRefresh, "extended")
	}
	return s
}

func (s *script) says(at float64, kind, client, endpoint, outcome string) *script {
	s.Words = append(s.Words, word{sec(at), kind, client, "sid", who, endpoint, outcome})
	return s
}

func (s *script) breaks(from, to float64, what, target string) *script {
	s.Faults = append(s.Faults, fault{what, target, sec(from), sec(to)})
	return s
}

func (s *script) leaves(at float64, app, cookie string) *script {
	s.Departures = append(s.Departures, departure{who, app, cookie, sec(at - 0.1), sec(at), true})
	return s
}

func (s *script) password(at float64, app, cookie string) *script {
	s.asks(at, app, click, cookie, 302)
	s.Visits[len(s.Visits)-1].Asked = true
	return s
}

// Each promise is broken once, and the checker says which.
func TestTheCheckerBites(t *testing.T) {
	there := func() *script { return new(script).clicks(0, 20, "tasks", "c") }
	for _, one := range []struct {
		name string
		s    *script
		rule string
	}{
		{"served after a log-out", there().leaves(20, "tasks", "c").asks(20.1, "tasks", ghost, "c", 200),
			ruleLoggedOut},
		{"served on Redis more than a second after a log-out",
			new(script).clicks(0, 20, "notes", "c").leaves(20, "notes", "c").asks(21.1, "notes", ghost, "c", 200),
			ruleLoggedOut},
		{"served after a log-out, the failover was too early to undo it",
			new(script).clicks(0, 20, "notes", "c").breaks(17, 18, whatFailover, "redis").leaves(20, "notes",
				"c").asks(22, "notes", ghost, "c", 200), ruleLoggedOut},
		{"served after a log-out that a failover of another app's store cannot undo",
			there().breaks(20.2, 21, whatFailover, "redis").leaves(20, "tasks", "c").asks(22, "tasks", ghost, "c", 200),
			ruleLoggedOut},
		{"a failover undoes a log-out, but not for longer than trust lasts",
			new(script).clicks(0, 20, "notes", "c").breaks(20.2, 21, whatFailover, "redis").leaves(20, "notes", "c").
				says(20.1, "end", "", "", "logout").asks(26.5, "notes", ghost, "c", 200), ruleOver},
		{"served after a logout token", there().says(20, "end", "", "", "admin").says(20.2, "delivery", "tasks", "",
			"delivered").
			asks(20.3, "tasks", ghost, "c", 200), ruleTold},
		{"served after the end at the IdP, nobody has told the app", there().says(20, "end", "", "", "admin").asks(26.5,
			"tasks", ghost, "c", 200), ruleOver},
		{"served after the IdP was killed", there().breaks(20, 21, whatKill, "idp").asks(26.5, "tasks", ghost, "c",
			200), ruleOver},
		{"polls are served for longer than the window after the end at the IdP", new(script).clicks(0, 2, "tasks", "c").
			says(2, "end", "", "", "admin").asks(23.5, "tasks", poll, "c", 200), ruleOver},
		{"polls are served without end", there().asks(45, "tasks", poll, "c", 200), ruleAbsent},
		{"who comes back is served", there().served(45, "tasks", "c"), ruleAbsent},
		{"an app without tokens serves on", there().asks(10, "wiki", click, "d", 200).asks(45, "wiki", poll, "d", 200),
			ruleAbsent},
		{"an app without tokens serves on, and the logout token failed without a fault",
			there().asks(10, "wiki", click, "d", 200).
				breaks(30, 31, whatKill, "wiki/1").says(38, "end", "", "", "idle").says(38, "delivery", "wiki", "",
				"refused: 400 Bad Request").
				asks(45, "wiki", poll, "d", 200), ruleAbsent},
		{"a poll is reported as activity", there().asks(28, "tasks", poll, "c", 200).says(28, "signal", "tasks",
			endpointRefresh, "extended"), ruleSignal},
		{"polls are reported as activity under a fault that could hold up one signal",
			there().breaks(18, 24, whatStop, "idp").
				says(24, "signal", "tasks", endpointRefresh, "extended").says(26, "signal", "tasks", endpointRefresh,
				"extended"), ruleSignal},
		{"an active person is sent to the log-in", there().asks(20, "tasks", click, "c", 302), ruleActive},
		{"an active person's script is told 401", there().asks(20, "tasks", fetch, "c", 401), ruleActive},
		{"an active person's page is told that the session has ended", polled(there(), 20, "session_ended idle"),
			ruleActive},
		{"a fault of another app's store explains nothing", there().breaks(18, 19, whatKill, "redis").asks(20, "tasks",
			click, "c", 302), ruleActive},
		{"a fault without a lost token explains nothing", there().breaks(18, 19, whatKill, "tasks/1").asks(20, "tasks",
			click, "c", 302), ruleActive},
		{"a token was spent twice without a fault",
			there().says(19, "revoked", "tasks", "", "refresh token reuse").asks(20, "tasks", click, "c", 302),
			ruleActive},
		{"a token was lost long ago", there().breaks(18, 19, whatKill, "tasks/1").
			says(19, "revoked", "tasks", "", "refresh token reuse").clicks(22, 52, "notes", "d").
			asks(52, "tasks", click, "c", 302), ruleActive},
		{"the IdP's session ran out too early", there().says(19, "end", "", "", "idle").asks(20, "tasks", click, "c",
			302), ruleActive},
		{"the IdP's session ran out because nobody has told it of the clicks", new(script).clicks(0, 2, "tasks", "c").
			served(8, "tasks", "c").served(16, "tasks", "c").says(20.5, "end", "", "", "idle").asks(21, "tasks", click,
			"c", 302), ruleActive},
		{"a lost token explains no password", there().breaks(18, 19, whatKill, "tasks/1").
			says(19, "revoked", "tasks", "", "refresh token reuse").password(20, "tasks", "c"), rulePassword},
		{"the session ran out although a click was answered long after the fault",
			there().breaks(0, 1, whatKill, "tasks/1").
				asks(22, "tasks", click, "c", 200).asks(26, "tasks", click, "c", 200).
				says(39, "end", "", "", "idle").password(39.5, "tasks", "c"), rulePassword},
		{"nobody tells the IdP of a click", there().served(30, "tasks", "c"), ruleUntold},
		{"503 without a fault", there().asks(20, "tasks", click, "c", 503), ruleTrouble},
		{"503 too long after a fault", there().breaks(1, 2, whatKill, "tasks/1").asks(20, "tasks", click, "c", 503),
			ruleTrouble},
		{"503 without Retry-After", there().breaks(18, 19, whatKill, "tasks/1").asks(20, "tasks", click, "c", 503,
			func(h *hop) { h.RetryAfter = false }), ruleRetry},
		{"500", there().breaks(18, 19, whatKill, "tasks/1").asks(20, "tasks", click, "c", 500), ruleTrouble},
		{"no answer, all instances live", there().breaks(18, 19, whatKill, "postgres").asks(20, "tasks", click, "c",
			502, func(h *hop) { h.Trouble = "EOF" }), ruleTrouble},
		{"the IdP answers 400", there().asks(20, "idp", click, "", 400), ruleTrouble},
		{"the IdP refuses a log-out of a session that is younger than its keys",
			new(script).breaks(1, 2, whatKill, "idp").clicks(4, 20, "tasks", "c").
				leaves(20, "tasks", "c").asks(20.1, "idp", logout, "", 400), ruleTrouble},
		{"another person's page", there().asks(20, "tasks", click, "c", 200, func(h *hop) {
			h.Subject = "eve"
		}), ruleOther},
		{"an answer after 21 s", there().asks(20, "tasks", click, "c", 200, func(h *hop) { h.To = sec(41) }), ruleWait},
		{"an answer after 21 s, another instance was stopped", there().breaks(20, 30, whatStop, "tasks/2").
			asks(20, "tasks", click, "c", 200, func(h *hop) { h.To = sec(41) }), ruleWait},
		{"nobody is served after the faults",
			calm(there().asks(25, "tasks", click, "c", 503).breaks(22, 24, whatKill, "tasks/1"), 24), ruleBack},
	} {
		t.Run(one.name, func(t *testing.T) {
			one.s.End = max(one.s.End, sec(60))
			broken, _ := check(&one.s.journal)
			if !slices.ContainsFunc(broken, func(v violation) bool { return v.rule == one.rule }) {
				t.Errorf("want %q, found %s", one.rule, all(broken))
			}
		})
	}
}

// polled is a page's own call that is refused.
func polled(s *script, at float64, reason string) *script {
	s.asks(at, "tasks", poll, "c", 401, func(h *hop) { h.Reason = reason })
	h := s.Hops[len(s.Hops)-1]
	s.Visits = append(s.Visits, visit{Who: who, App: "tasks", Kind: poll, Cookie: "c", From: h.From, To: h.To,
		ToLogin: true, Last: h})
	return s
}

func calm(s *script, at float64) *script {
	s.Calm = sec(at)
	return s
}

func all(broken []violation) string {
	var b strings.Builder
	for _, v := range broken {
		fmt.Fprintf(&b, "\n%s", v)
	}
	return b.String()
}

// What is right, and what a rule excuses, is no violation.
func TestTheCheckerIsJust(t *testing.T) {
	there := func(app string) *script { return new(script).clicks(0, 20, app, "c") }
	for _, one := range []struct {
		name string
		s    *script
	}{
		{"a life without faults", there("tasks").leaves(20, "tasks", "c").says(20, "end", "", "", "logout").asks(20.5,
			"tasks", ghost, "c", 401)},
		{"a log-out spreads over Redis", there("notes").leaves(20, "notes", "c").asks(20.9, "notes", ghost, "c", 200)},
		{"a failover undoes a log-out for the time of trust", there("notes").leaves(20, "notes", "c").says(20, "end",
			"", "", "logout").
			breaks(20.3, 21, whatFailover, "redis").asks(24, "notes", ghost, "c", 200)},
		{"a failover undoes a log-out by token", there("notes").says(20, "end", "", "", "admin").says(20.1, "delivery",
			"notes", "", "delivered").
			breaks(20.3, 21, whatFailover, "redis").asks(24, "notes", ghost, "c", 200)},
		{"a page of a quiet app is not served", polled(there("tasks"), 20, "session_unconfirmed")},
		{"503 while the machine stands still", there("tasks").breaks(18, 20, whatStall, "machine").asks(20, "tasks",
			click, "c", 503)},
		{"polls end in time", there("tasks").asks(38, "tasks", poll, "c", 200).asks(45, "tasks", poll, "c", 401)},
		{"a fault holds a signal up, and so the end", there("tasks").breaks(18, 24, whatStop, "idp").
			says(24, "signal", "tasks", endpointRefresh, "extended").asks(45, "tasks", poll, "c", 200)},
		{"who was away too long logs in", there("tasks").says(39, "end", "", "", "idle").password(45, "tasks", "c")},
		{"who was away is back in one app, and logs in at the other", there("tasks").says(39, "end", "", "", "idle").
			says(44.9, "sign-in", "", "", "").served(45, "notes", "d").asks(46, "tasks", click, "c", 302)},
		{"who has logged out logs in", there("tasks").leaves(19.5, "tasks", "c").password(20, "tasks", "c")},
		{"whom an administrator has ended logs in", there("tasks").says(19.5, "end", "", "", "admin").password(20,
			"tasks", "c")},
		{"a lost token costs a round trip", there("tasks").breaks(18, 19, whatKill, "tasks/1").
			says(19, "revoked", "tasks", "", "refresh token reuse").asks(20, "tasks", click, "c", 302)},
		{"and that may be some clicks later", there("tasks").breaks(18, 19, whatKill, "tasks/1").
			says(19, "revoked", "tasks", "", "refresh token reuse").clicks(22, 40, "notes", "d").
			asks(41, "tasks", click, "c", 302)},
		{"a lost log-in costs a round trip", new(script).served(10, "notes", "c").breaks(10.4, 12, whatFailover,
			"redis").asks(12, "notes", click, "c", 302)},
		{"a killed IdP costs a log-in", there("tasks").breaks(18, 19, whatKill, "idp").password(20, "tasks", "c")},
		{"a killed IdP refuses the log-outs of older sessions", there("wiki").breaks(1, 2, whatKill, "idp").
			leaves(60, "wiki", "c").asks(60.1, "idp", logout, "", 400)},
		{"a window full of faults costs a log-in", there("tasks").breaks(19, 38, "cut", "idp").
			asks(30, "tasks", click, "c", 200).says(38.1, "end", "", "", "idle").password(38.5, "tasks", "c")},
		{"a logout token fails by a fault", there("tasks").asks(10, "wiki", click, "d", 200).breaks(37, 39, whatKill,
			"postgres").
			says(38, "end", "", "", "idle").says(38, "delivery", "wiki", "", "refused: 400 Bad Request").asks(45,
			"wiki", poll, "d", 200)},
		{"503 during a fault and soon after it", there("tasks").breaks(18, 19, whatKill, "tasks/1").asks(20, "tasks",
			click, "c", 503)},
		{"no answer of a dead instance", there("tasks").breaks(19, 21, whatKill, "tasks/1").asks(20, "tasks", click,
			"c", 502, func(h *hop) { h.Trouble = "EOF" })},
		{"an answer of a stopped instance", there("tasks").breaks(20, 28, whatStop, "tasks/1").asks(20, "tasks", click,
			"c", 200, func(h *hop) { h.To = sec(41) })},
		{"served again after the faults",
			calm(there("tasks").breaks(18, 20, whatKill, "tasks/1").served(25, "tasks", "c"), 20)},
	} {
		t.Run(one.name, func(t *testing.T) {
			one.s.End = max(one.s.End, sec(60))
			if broken, _ := check(&one.s.journal); len(broken) > 0 {
				t.Error(all(broken))
			}
		})
	}
}
