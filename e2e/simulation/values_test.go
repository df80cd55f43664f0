package simulation

import (
	"fmt"
	"maps"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/reason"
)

// The app's own values, which live in the session's record beside the tokens.
// Every save writes a value of its own and reads one that was written before: no
// refresh, no touch and no other save may have taken it away (C4, C5).

const (
	saveHeader  = "Sim-Save"  // the name to save under
	seeHeader   = "Sim-See"   // the name to read
	foundHeader = "Sim-Found" // what was read
)

// valueNames bounds what a session holds.
const valueNames = 40

// values is what a session has to hold.
type values struct {
	saves int
	kept  map[string]time.Duration // by name, when it was saved
	heirs int                      // log-ins that have taken them over
}

// inherits: what a session holds goes over to the one that replaces it in its browser (C6), also
// if the log-in of another tab replaces it while this one is under way.
func (o *oracle) inherits(s *session, v *visit, f *flow) {
	old := o.sessions[v.session]
	if old == nil || old.person != s.person || old.reason != reason.Replaced || old.endAt < f.start || v.gaveUp ||
		s.app.rolling.Load() || o.excused(s.app, pathStore|pathRestart, v.start, v.end) {
		return
	}
	if old.values.heirs++; old.values.heirs > 1 {
		o.counts["values taken over by another tab's log-in, too"]++
	}
	s.values.saves, s.values.kept = old.values.saves, maps.Clone(old.values.kept)
}

func (s *values) saving(v *visit, late time.Duration) {
	v.marks = map[string]string{saveHeader: fmt.Sprintf("v%d", s.saves%valueNames)}
	if n := s.saves - 1 - s.saves%3; n >= 0 { // one of the latest
		name := fmt.Sprintf("v%d", n%valueNames)
		if at, saved := s.kept[name]; saved && v.start > at+late {
			v.marks[seeHeader] = name
		}
	}
	s.saves++
}

func (o *oracle) judgeSaved(v *visit, s *session) {
	if see := v.marks[seeHeader]; see != "" && v.header.Get(foundHeader) != see {
		o.breach("C5", "%s has lost the value %s of %s", v.in.name, see, s.label)
	}
	if s.values.kept == nil {
		s.values.kept = map[string]time.Duration{}
	}
	s.values.kept[v.marks[saveHeader]] = v.end
	o.counts["values saved"]++
}

// saves is the handler: it takes its time between reading and writing.
func saves(auth *rp.RelyingParty) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if see := r.Header.Get(seeHeader); see != "" {
			old, err := auth.Values().Get(r, see)
			if err != nil {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			found, _ := old.Values["is"].(string)
			w.Header().Set(foundHeader, found)
		}
		name := r.Header.Get(saveHeader)
		mine, err := auth.Values().Get(r, name)
		if err == nil {
			time.Sleep(50 * time.Millisecond) // in the bubble
			mine.Values["is"] = name
			err = mine.Save(r, w)
		}
		if err != nil {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		served(w, r)
	})
}
