package control

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/internal/plain"
)

var errNoFault = errors.New("control: no such fault, or it was removed")

// heldFault is a fault that the control API put in force.
type heldFault struct {
	active *idpmock.ActiveFault
	gate   chan struct{}
	freed  bool
}

// faultRequest is a Fault with a gate that a second call opens.
type faultRequest struct {
	idpmock.Fault
	Hold string
}

// UnmarshalJSON splits hold and name from the fault's own fields, which go over those of
// the named fault.
func (f *faultRequest) UnmarshalJSON(b []byte) (err error) {
	if name := plain.NameIn(b); name != "" {
		if f.Fault, err = idpmock.NamedFault(name); err != nil {
			return err
		}
	}
	rest, err := without(b, "name", "hold", &f.Hold)
	if err != nil {
		return err
	}
	return json.Unmarshal(rest, &f.Fault)
}

// deliveryFaultRequest is a DeliveryFault that may have a name.
type deliveryFaultRequest struct{ idpmock.DeliveryFault }

// UnmarshalJSON reads the fault's own fields over those of the named one.
func (f *deliveryFaultRequest) UnmarshalJSON(b []byte) (err error) {
	if name := plain.NameIn(b); name != "" {
		if f.DeliveryFault, err = idpmock.NamedDeliveryFault(name); err != nil {
			return err
		}
	}
	rest, err := without(b, "name", "", nil)
	if err != nil {
		return err
	}
	return json.Unmarshal(rest, &f.DeliveryFault)
}

// without takes two members out of a JSON object: one that has been read, and one that it
// reads into a text.
func without(b []byte, read, other string, into *string) ([]byte, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(b, &members); err != nil {
		return nil, err
	}
	delete(members, read)
	if text, ok := members[other]; ok {
		if err := json.Unmarshal(text, into); err != nil {
			return nil, err
		}
		delete(members, other)
	}
	return json.Marshal(members)
}

func (a *api) addFault(w http.ResponseWriter, r *http.Request) error {
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
		return invalid("hold must be before or after")
	}
	var err error
	if h.active, err = a.idp.AddFault(in.Fault); err != nil {
		return invalid(err.Error())
	}
	a.mu.Lock()
	a.faultIDs++
	id := strconv.Itoa(a.faultIDs)
	a.held[id] = h
	a.mu.Unlock()
	plain.Write(w, http.StatusCreated, map[string]string{"id": id})
	return nil
}

func (a *api) heldFault(r *http.Request, forget bool) (*heldFault, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := a.held[r.PathValue("id")]
	if h == nil {
		return nil, errNoFault
	}
	if forget {
		delete(a.held, r.PathValue("id"))
	}
	return h, nil
}

func (a *api) release(h *heldFault) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !h.freed {
		h.freed = true
		close(h.gate)
	}
}

func (a *api) releaseFault(w http.ResponseWriter, r *http.Request) error {
	h, err := a.heldFault(r, false)
	if err != nil {
		return err
	}
	a.release(h)
	return noContent(w)
}

func (a *api) deleteFault(w http.ResponseWriter, r *http.Request) error {
	h, err := a.heldFault(r, true)
	if err != nil {
		return err
	}
	h.active.Remove()
	a.release(h)
	return noContent(w)
}

func (a *api) deleteFaults(w http.ResponseWriter, r *http.Request) error {
	a.idp.ClearFaults()
	a.mu.Lock()
	all := a.held
	a.held = map[string]*heldFault{}
	a.mu.Unlock()
	for _, h := range all {
		a.release(h)
	}
	return noContent(w)
}

func (a *api) listFaults(w http.ResponseWriter, r *http.Request) error {
	return okJSON(w, a.idp.ActiveFaults())
}

func (a *api) addDeliveryFault(w http.ResponseWriter, r *http.Request) error {
	var in deliveryFaultRequest
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := a.idp.AddDeliveryFault(in.DeliveryFault); err != nil {
		return invalid(err.Error())
	}
	return noContent(w)
}

func (a *api) deleteDeliveryFaults(w http.ResponseWriter, r *http.Request) error {
	a.idp.ClearDeliveryFaults()
	return noContent(w)
}

func (a *api) makeLogoutToken(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Client  string                `json:"client"`
		SID     string                `json:"sid"`
		Subject string                `json:"sub"`
		Faults  []idpmock.LogoutFault `json:"faults"`
		Deliver bool                  `json:"deliver"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	s := idpmock.Session{SID: in.SID, Subject: in.Subject}
	if live, err := a.idp.Session(in.SID); err == nil {
		s = live
	}
	token, err := a.idp.LogoutToken(in.Client, s, in.Faults...)
	if err != nil {
		return err
	}
	out := map[string]any{"logout_token": token}
	if in.Deliver {
		status, err := a.idp.Deliver(r.Context(), in.Client, token)
		if err != nil {
			return &problem{http.StatusBadGateway, "delivery_failed", err.Error()}
		}
		out["status"] = status
	}
	return okJSON(w, out)
}

func (a *api) listOutbox(w http.ResponseWriter, r *http.Request) error {
	return okJSON(w, a.idp.Outbox())
}

func (a *api) settleOutbox(w http.ResponseWriter, r *http.Request) error {
	ctx, cancel := context.WithTimeout(r.Context(), 30*time.Second)
	defer cancel()
	if err := a.idp.Settle(ctx); err != nil {
		return &problem{http.StatusGatewayTimeout, "still_under_way", "logout tokens are still under way; see the " +
			"outbox"}
	}
	return noContent(w)
}

func (a *api) rotateKeysForTest(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		KeepOld bool `json:"keep_old"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := a.idp.RotateKeys(in.KeepOld); err != nil {
		return err
	}
	return noContent(w)
}
