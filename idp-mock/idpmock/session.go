package idpmock

import (
	"slices"
	"time"
)

// session is the person's session at the provider. All fields are guarded by
// IDP.mu.
type session struct {
	sid      string
	cookie   tokenKey // of the cookie's value
	user     User
	created  time.Time
	authTime time.Time
	active   time.Time // last touch
	idle     time.Time // idle deadline: active + window, never past absolute
	absolute time.Time
	acr      string
	opbs     string   // the browser state that check_session_iframe sees
	visits   []*visit // in the order of the first visit
}

// visit is what the session knows of one of its clients.
type visit struct {
	client string
	sid    string // what this client knows the session by
	joined time.Time
	active time.Time
	by     Endpoint       // of the last activity
	idle   time.Time      // for Policies.SeparateTimers
	part   *clientSession // of the last log-in
	// offline is the client session of log-ins with offline_access, where they
	// have one of their own.
	offline *clientSession
}

func (s *session) visit(client string) *visit {
	for _, v := range s.visits {
		if v.client == client {
			return v
		}
	}
	return nil
}

// deadline is when the session ends if nothing happens.
func (s *session) deadline() time.Time {
	if s.absolute.Before(s.idle) {
		return s.absolute
	}
	return s.idle
}

// expired says whether and why the session is over at now. A session lives
// strictly before its deadline.
func (s *session) expired(now time.Time) (Cause, bool) {
	switch {
	case !now.Before(s.absolute):
		return CauseAbsolute, true
	case !now.Before(s.idle):
		return CauseIdle, true
	}
	return "", false
}

// window of the session under the policies of cfg.
func (s *session) window(cfg *settings) time.Duration {
	if cfg.Policies.SeparateTimers {
		// The record lives as long as its longest timer; each client is held to
		// its own.
		w := cfg.IdleWindow
		for _, v := range s.visits {
			w = max(w, cfg.clientWindow(v.client))
		}
		return w
	}
	w := cfg.IdleWindow
	if cfg.Policies.MostRestrictive {
		for _, v := range s.visits {
			w = min(w, cfg.clientWindow(v.client))
		}
	}
	return w
}

// touch records activity of client ("" for the person at the provider itself)
// and slides the deadline to exactly now + window. Use IDP.touchLocked.
func (s *session) touch(cfg *settings, now time.Time, client string, by Endpoint) {
	if client != "" {
		s.join(cfg, now, client, by)
	}
	s.active = now
	s.idle = now.Add(s.window(cfg))
	if cfg.Policies.SeparateTimers {
		for _, v := range s.visits {
			if v.idle.After(s.idle) {
				s.idle = v.idle
			}
		}
	}
	if s.idle.After(s.absolute) {
		s.idle = s.absolute
	}
}

// join makes client a part of the session, and notes that it is active.
func (s *session) join(cfg *settings, now time.Time, client string, by Endpoint) *visit {
	v := s.visit(client)
	if v == nil {
		v = &visit{client: client, sid: s.sid, joined: now}
		if cfg.sidPerClient() {
			v.sid = newSecret()
		}
		s.visits = append(s.visits, v)
	}
	v.active, v.by, v.idle = now, by, now.Add(cfg.clientWindow(client))
	return v
}

// Session is a copy of what the provider knows of one session.
type Session struct {
	SID              string          `json:"sid"`
	Subject          string          `json:"sub"`
	Username         string          `json:"username"`
	Created          time.Time       `json:"created"`
	AuthTime         time.Time       `json:"auth_time"`
	LastActive       time.Time       `json:"last_active"`
	IdleDeadline     time.Time       `json:"idle_deadline"`
	AbsoluteDeadline time.Time       `json:"absolute_deadline"`
	Clients          []SessionClient `json:"clients"`
}

// SessionClient is one client of a [Session].
type SessionClient struct {
	ID           string    `json:"id"`
	SID          string    `json:"sid"` // as this client knows it, see Config.SIDPerClient
	Joined       time.Time `json:"joined"`
	LastActive   time.Time `json:"last_active"`
	LastEndpoint Endpoint  `json:"last_endpoint"`
	IdleDeadline time.Time `json:"idle_deadline"` // of this client's own timer, see Policies.SeparateTimers
}

// Client returns what the session knows of a client.
func (s Session) Client(id string) (SessionClient, bool) {
	i := slices.IndexFunc(s.Clients, func(c SessionClient) bool { return c.ID == id })
	if i < 0 {
		return SessionClient{}, false
	}
	return s.Clients[i], true
}

func (s *session) snapshot() Session {
	out := Session{SID: s.sid, Subject: s.user.Subject, Username: s.user.Username, Created: s.created,
		AuthTime:   s.authTime,
		LastActive: s.active, IdleDeadline: s.idle, AbsoluteDeadline: s.absolute,
		Clients: make([]SessionClient, 0, len(s.visits))}
	for _, v := range s.visits {
		out.Clients = append(out.Clients, SessionClient{ID: v.client, SID: v.sid, Joined: v.joined,
			LastActive: v.active, LastEndpoint: v.by, IdleDeadline: v.idle})
	}
	return out
}

// Cause says why a session of the provider ended.
type Cause string

// The causes.
const (
	CauseLogout   Cause = "logout"   // the person signed out
	CauseAdmin    Cause = "admin"    // EndSession, EndUser, control API
	CauseIdle     Cause = "idle"     // the idle window ran out
	CauseAbsolute Cause = "absolute" // the absolute lifetime ran out
	CauseReplaced Cause = "replaced" // somebody else signed in in the same browser
	CauseRevoked  Cause = "revoked"  // a client revoked its tokens, see Temperament.Revocation
	CauseConsent  Cause = "consent"  // of one client's part: RevokeConsent
)

var causes = []Cause{CauseLogout, CauseAdmin, CauseIdle, CauseAbsolute, CauseReplaced, CauseRevoked, CauseConsent}

func (c Cause) expiry() bool { return c == CauseIdle || c == CauseAbsolute }
