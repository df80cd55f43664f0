package idpmock

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
)

// controlRoute is one operation of the control API; openapi.json describes it.
type controlRoute struct {
	method, path string
	serve        func(p *IDP, w http.ResponseWriter, r *http.Request) error
}

var controlRoutes = []controlRoute{
	{"GET", "/sessions", (*IDP).listSessions},
	{"GET", "/sessions/{sid}", (*IDP).showSession},
	{"POST", "/sessions/{sid}/extend", (*IDP).extendSession},
	{"DELETE", "/sessions/{sid}", (*IDP).deleteSession},
	{"DELETE", "/users/{sub}/sessions", (*IDP).deleteUserSessions},
	{"DELETE", "/users/{sub}/consents/{client}", (*IDP).deleteConsent},
	{"POST", "/authorize", (*IDP).authorizeForTest},
	{"GET", "/clients", (*IDP).listClients},
	{"PUT", "/clients/{id}", (*IDP).putClient},
	{"DELETE", "/clients/{id}", (*IDP).deleteClient},
	{"GET", "/config", (*IDP).showConfig},
	{"PATCH", "/config", (*IDP).patchConfig},
	{"GET", "/clock", (*IDP).showClock},
	{"POST", "/clock/advance", (*IDP).advanceClock},
	{"GET", "/requests", (*IDP).listRequests},
	{"DELETE", "/requests", (*IDP).deleteRequests},
	{"GET", "/counts", (*IDP).listCounts},
	{"GET", "/events", (*IDP).listEvents},
	{"GET", "/faults", (*IDP).listFaults},
	{"POST", "/faults", (*IDP).addFault},
	{"POST", "/faults/{id}/release", (*IDP).releaseFault},
	{"DELETE", "/faults/{id}", (*IDP).deleteFault},
	{"DELETE", "/faults", (*IDP).deleteFaults},
	{"POST", "/delivery-faults", (*IDP).addDeliveryFault},
	{"DELETE", "/delivery-faults", (*IDP).deleteDeliveryFaults},
	{"POST", "/logout-tokens", (*IDP).makeLogoutToken},
	{"GET", "/outbox", (*IDP).listOutbox},
	{"POST", "/outbox/settle", (*IDP).settleOutbox},
	{"POST", "/keys/rotate", (*IDP).rotateKeysForTest},
	{"GET", "/openapi.json", (*IDP).openAPI},
	{"GET", "/{$}", (*IDP).statusPage},
}

// ControlHandler serves the control API and the status page, with paths such as
// "/sessions"; mount it with [http.StripPrefix]. [Config.ControlAPI] mounts it
// under /_mock/ of the issuer. It has no authentication. It refuses requests
// that other websites make through a visitor's browser.
func (p *IDP) ControlHandler() http.Handler {
	mux := http.NewServeMux()
	for _, route := range controlRoutes {
		mux.HandleFunc(route.method+" "+route.path, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			if err := route.serve(p, w, r); err != nil {
				writeControlError(w, err)
			}
		})
	}
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !p.ourHost(r.Host) {
			writeControlError(w, errInvalidRequest("this Host is not the provider's: the control API answers to its own name only"))
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// ourHost guards against DNS rebinding: a foreign name that was made to resolve
// to this machine is not ours.
func (p *IDP) ourHost(host string) bool {
	if strings.HasSuffix(p.origin, "://"+host) {
		return true
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

func writeControlError(w http.ResponseWriter, err error) {
	var e *oauthError
	switch {
	case errors.As(err, &e):
	case errors.Is(err, ErrNoSession), errors.Is(err, ErrUnknownClient), errors.Is(err, ErrUnknownUser), errors.Is(err, errNoFault):
		e = &oauthError{status: http.StatusNotFound, Code: "not_found", Desc: err.Error()}
	default:
		e = errInvalidRequest(err.Error())
	}
	writeJSON(w, e.status, e)
}

// readJSON decodes a request body. An empty one leaves v as it is.
func readJSON(r *http.Request, v any) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return errInvalidRequest("the body cannot be read, or is longer than 64 KiB")
	}
	if len(body) == 0 {
		return nil
	}
	if err := strict(body, v); err != nil {
		return errInvalidRequest("the body is not what openapi.json asks for: " + err.Error())
	}
	return nil
}

func noContent(w http.ResponseWriter) error {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func okJSON(w http.ResponseWriter, v any) error {
	writeJSON(w, http.StatusOK, v)
	return nil
}

// sendEvents streams events as server-sent events until the reader goes.
func (p *IDP) sendEvents(w http.ResponseWriter, r *http.Request) error {
	events, cancel := p.Subscribe(1024)
	defer cancel()
	out := http.NewResponseController(w)
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	if err := out.Flush(); err != nil {
		return err
	}
	for {
		select {
		case <-r.Context().Done():
			return nil
		case e, open := <-events:
			if !open {
				return nil
			}
			data, err := json.Marshal(e)
			if err != nil {
				return nil
			}
			if _, err := w.Write([]byte("event: " + string(e.Kind) + "\ndata: " + string(data) + "\n\n")); err != nil {
				return nil
			}
			if err := out.Flush(); err != nil {
				return nil
			}
		}
	}
}
