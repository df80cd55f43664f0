package idpmock

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
)

var errNoFault = errors.New("idpmock: no such fault, or it was removed")

// heldFault is a fault that the control API put in force.
type heldFault struct {
	active *ActiveFault
	gate   chan struct{}
	freed  bool
}

// faultRequest is a Fault with a gate that a second call opens.
type faultRequest struct {
	Fault
	Hold string
}

// UnmarshalJSON splits hold and name from the fault's own fields, which go over
// those of the named fault.
func (f *faultRequest) UnmarshalJSON(b []byte) (err error) {
	if name := nameIn(b); name != "" {
		if f.Fault, err = NamedFault(name); err != nil {
			return err
		}
	}
	var j struct {
		faultJSON
		Hold string `json:"hold"`
		Name string `json:"name"`
	}
	j.plainFault = (*plainFault)(&f.Fault)
	if err := strict(b, &j); err != nil {
		return err
	}
	f.Delay, f.DelayAfter, f.Hold = time.Duration(j.Delay), time.Duration(j.DelayAfter), j.Hold
	return nil
}

// nameIn reads the member name of a JSON object, "" if there is none.
func nameIn(b []byte) string {
	var j struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(b, &j) != nil {
		return "" // the strict reading that follows tells why
	}
	return j.Name
}

// deliveryFaultRequest is a DeliveryFault that may have a name.
type deliveryFaultRequest struct{ DeliveryFault }

// UnmarshalJSON reads the fault's own fields over those of the named one.
func (f *deliveryFaultRequest) UnmarshalJSON(b []byte) (err error) {
	if name := nameIn(b); name != "" {
		if f.DeliveryFault, err = NamedDeliveryFault(name); err != nil {
			return err
		}
	}
	var j struct {
		deliveryFaultJSON
		Name string `json:"name"`
	}
	j.plainDeliveryFault = (*plainDeliveryFault)(&f.DeliveryFault)
	if err := strict(b, &j); err != nil {
		return err
	}
	f.Delay = time.Duration(j.Delay)
	return nil
}

func (p *IDP) addFault(w http.ResponseWriter, r *http.Request) error {
	var in faultRequest
	if err := readJSON(r, &in); err != nil {
		return err
	}
	h := &heldFault{gate: make(chan struct{})}
	switch in.Hold {
	case "":
	case "before":
		in.Gate = h.gate
	case "after":
		in.GateAfter = h.gate
	default:
		return errInvalidRequest("hold must be before or after")
	}
	var err error
	if h.active, err = p.AddFault(in.Fault); err != nil {
		return errInvalidRequest(err.Error())
	}
	p.mu.Lock()
	p.faultIDs++
	id := strconv.Itoa(p.faultIDs)
	p.held[id] = h
	p.mu.Unlock()
	writeJSON(w, http.StatusCreated, map[string]string{"id": id})
	return nil
}

func (p *IDP) heldFault(r *http.Request, forget bool) (*heldFault, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.held[r.PathValue("id")]
	if h == nil {
		return nil, errNoFault
	}
	if forget {
		delete(p.held, r.PathValue("id"))
	}
	return h, nil
}

func (p *IDP) release(h *heldFault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !h.freed {
		h.freed = true
		close(h.gate)
	}
}

func (p *IDP) releaseFault(w http.ResponseWriter, r *http.Request) error {
	h, err := p.heldFault(r, false)
	if err != nil {
		return err
	}
	p.release(h)
	return noContent(w)
}

func (p *IDP) deleteFault(w http.ResponseWriter, r *http.Request) error {
	h, err := p.heldFault(r, true)
	if err != nil {
		return err
	}
	h.active.Remove()
	p.release(h)
	return noContent(w)
}

func (p *IDP) deleteFaults(w http.ResponseWriter, r *http.Request) error {
	p.ClearFaults()
	p.mu.Lock()
	all := p.held
	p.held = map[string]*heldFault{}
	p.mu.Unlock()
	for _, h := range all {
		p.release(h)
	}
	return noContent(w)
}

func (p *IDP) listFaults(w http.ResponseWriter, r *http.Request) error {
	return okJSON(w, p.ActiveFaults())
}

func (p *IDP) addDeliveryFault(w http.ResponseWriter, r *http.Request) error {
	var in deliveryFaultRequest
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := p.AddDeliveryFault(in.DeliveryFault); err != nil {
		return errInvalidRequest(err.Error())
	}
	return noContent(w)
}

func (p *IDP) deleteDeliveryFaults(w http.ResponseWriter, r *http.Request) error {
	p.ClearDeliveryFaults()
	return noContent(w)
}

func (p *IDP) makeLogoutToken(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Client  string        `json:"client"`
		SID     string        `json:"sid"`
		Subject string        `json:"sub"`
		Faults  []LogoutFault `json:"faults"`
		Deliver bool          `json:"deliver"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	s := Session{SID: in.SID, Subject: in.Subject}
	if live, err := p.Session(in.SID); err == nil {
		s = live
	}
	token, err := p.LogoutToken(in.Client, s, in.Faults...)
	if err != nil {
		return err
	}
	out := map[string]any{"logout_token": token}
	if in.Deliver {
		status, err := p.Deliver(r.Context(), in.Client, token)
		if err != nil {
			return &oauthError{status: http.StatusBadGateway, Code: "delivery_failed", Desc: err.Error()}
		}
		out["status"] = status
	}
	return okJSON(w, out)
}

func (p *IDP) listOutbox(w http.ResponseWriter, r *http.Request) error {
	return okJSON(w, p.Outbox())
}

func (p *IDP) settleOutbox(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	if err := p.Settle(ctx); err != nil {
		return &oauthError{status: http.StatusGatewayTimeout, Code: "still_under_way", Desc: "logout tokens are still under way; see the outbox"}
	}
	return noContent(w)
}

func (p *IDP) rotateKeysForTest(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		KeepOld bool `json:"keep_old"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := p.RotateKeys(in.KeepOld); err != nil {
		return err
	}
	return noContent(w)
}
