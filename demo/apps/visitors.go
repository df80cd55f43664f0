package apps

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
)

const maxVisitors = 64

// Visit is a request that belonged to a session.
type Visit struct {
	App     string
	At      time.Time
	Session string // as in the library's events
	Subject string
	SID     string
	Class   string // active or passive
	Method  string
	Path    string
	Status  int
}

// visitors remembers which browsers have a session, for the control room. This
// is for demos: a cookie is a secret that a real app has no reason to keep.
type visitors struct {
	mu   sync.Mutex
	list []*visitor // the latest first
}

type visitor struct {
	Visit
	active time.Time // of the latest active visit
	cookie string
}

// Seen wraps a guarded handler, so that Config.Watch is told of its requests.
func (a *App) Seen(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s := rp.FromContext(r.Context())
		if a.cfg.Watch == nil || s == nil {
			next(w, r)
			return
		}
		rec := &StatusRecorder{ResponseWriter: w, Status: http.StatusOK}
		v := Visit{App: a.Name, At: a.cfg.Now(), Session: s.Name(), Subject: s.Subject(), SID: s.SID(),
			Class: s.Class().String(), Method: r.Method, Path: r.URL.Path}
		a.visitors.note(v, r.Header.Get("Cookie"))
		next(rec, r)
		v.Status = rec.Status
		a.cfg.Watch(v)
	})
}

// seenOnPage wraps the route by which pages report what a person does on them.
func (a *App) seenOnPage(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &StatusRecorder{ResponseWriter: w, Status: http.StatusOK}
		next.ServeHTTP(rec, r)
		cookie := r.Header.Get("Cookie")
		v, ok := a.visitors.with(cookie)
		if a.cfg.Watch == nil || !ok || rec.Status != http.StatusOK {
			return
		}
		v.At, v.Class, v.Method, v.Path, v.Status = a.cfg.Now(), activity.Active.String(), r.Method, r.URL.Path,
			rec.Status
		a.visitors.note(v, cookie)
		a.cfg.Watch(v)
	})
}

// with returns the latest visit that came with these cookies.
func (vs *visitors) with(cookie string) (Visit, bool) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	for _, v := range vs.list {
		if v.cookie == cookie {
			return v.Visit, true
		}
	}
	return Visit{}, false
}

func (vs *visitors) note(v Visit, cookie string) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	active := v.At
	vs.list = slices.DeleteFunc(vs.list, func(o *visitor) bool {
		if o.Session == v.Session && v.Class == activity.Passive.String() {
			active = o.active
		}
		return o.Session == v.Session
	})
	vs.list = slices.Insert(vs.list, 0, &visitor{v, active, cookie})
	if len(vs.list) > maxVisitors {
		vs.list = vs.list[:maxVisitors]
	}
}

// Known is a session that the control room shows.
type Known struct {
	Visit  // the latest one
	Active time.Time
	Status rp.Status
}

// Known lists the sessions that were seen since Config.Watch is set, the latest
// visited first, as they stand now. It extends nothing.
func (a *App) Known() []Known {
	a.visitors.mu.Lock()
	list := slices.Clone(a.visitors.list)
	a.visitors.mu.Unlock()
	var out []Known
	for _, v := range list {
		r := &http.Request{Method: http.MethodGet, Header: http.Header{"Cookie": {v.cookie}}}
		if status, err := a.RP.SessionStatus(r); err == nil {
			out = append(out, Known{v.Visit, v.active, status})
		}
	}
	return out
}

// Forget forgets the sessions that were seen. They go on.
func (a *App) Forget() {
	a.visitors.mu.Lock()
	defer a.visitors.mu.Unlock()
	a.visitors.list = nil
}

// CookieOf returns the cookies of the browser that has a session.
func (a *App) CookieOf(session string) (cookie string, ok bool) {
	a.visitors.mu.Lock()
	defer a.visitors.mu.Unlock()
	for _, v := range a.visitors.list {
		if v.Session == session {
			return strings.Clone(v.cookie), true
		}
	}
	return "", false
}

// StatusRecorder remembers the status of an answer.
type StatusRecorder struct {
	http.ResponseWriter
	Status int
}

// WriteHeader notes the status.
func (w *StatusRecorder) WriteHeader(status int) {
	w.Status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *StatusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }
