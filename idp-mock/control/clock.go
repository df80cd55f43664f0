package control

import (
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/internal/plain"
)

func (a *api) showClock(w http.ResponseWriter, r *http.Request) error {
	return okJSON(w, map[string]any{"now": a.idp.Now(), "advanced": plain.Duration(a.idp.Advanced())})
}

// maxAdvance at a time, so that no clock overflows by a slip.
const maxAdvance = 10 * 365 * 24 * time.Hour

func (a *api) advanceClock(w http.ResponseWriter, r *http.Request) error {
	by, err := readAdvance(r)
	if err != nil {
		return err
	}
	a.idp.Advance(by)
	return a.showClock(w, r)
}

func readAdvance(r *http.Request) (time.Duration, error) {
	var in struct {
		By plain.Duration `json:"by"`
	}
	if err := readJSON(r, &in); err != nil {
		return 0, err
	}
	by := time.Duration(in.By)
	if by <= 0 || by > maxAdvance {
		return 0, invalid(`by must be positive and at most ten years, such as {"by":"16m"}: time does not run backwards`)
	}
	return by, nil
}

func (a *api) advanceSession(w http.ResponseWriter, r *http.Request) error {
	by, err := readAdvance(r)
	if err != nil {
		return err
	}
	live, err := a.idp.AdvanceSession(r.PathValue("sid"), by)
	if err != nil {
		return err
	}
	return okJSON(w, map[string]bool{"ended": !live})
}

func (a *api) expireSession(w http.ResponseWriter, r *http.Request) error {
	in := struct {
		Cause idpmock.Cause `json:"cause"`
	}{idpmock.CauseIdle}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := a.idp.Expire(r.PathValue("sid"), in.Cause); err != nil {
		return err
	}
	return noContent(w)
}

// reset is [idpmock.IDP.Reset], and forgets what the control API itself remembers. Requests
// that are held go on.
func (a *api) reset(w http.ResponseWriter, r *http.Request) error {
	a.idp.Reset()
	a.mu.Lock()
	held := a.held
	a.held, a.browsers, a.faultIDs = map[string]*heldFault{}, map[string]*idpmock.Browser{}, 0
	a.mu.Unlock()
	for _, h := range held {
		a.release(h)
	}
	return noContent(w)
}
