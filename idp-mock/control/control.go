// Package control is the HTTP control API of an idpmock provider, and its status page.
// openapi.json describes it.
package control

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/idp-mock/internal/plain"
)

// route is one operation of the control API; openapi.json describes it.
type route struct {
	method, path string
	serve        func(a *api, w http.ResponseWriter, r *http.Request) error
}

var routes = []route{
	{"GET", "/sessions", (*api).listSessions},
	{"GET", "/sessions/{sid}", (*api).showSession},
	{"POST", "/sessions/{sid}/extend", (*api).extendSession},
	{"POST", "/sessions/{sid}/expire", (*api).expireSession},
	{"POST", "/sessions/{sid}/advance", (*api).advanceSession},
	{"DELETE", "/sessions/{sid}", (*api).deleteSession},
	{"DELETE", "/users/{sub}/sessions", (*api).deleteUserSessions},
	{"DELETE", "/users/{sub}/consents/{client}", (*api).deleteConsent},
	{"POST", "/authorize", (*api).authorizeForTest},
	{"POST", "/tokens", (*api).mintTokens},
	{"GET", "/clients", (*api).listClients},
	{"PUT", "/clients/{id}", (*api).putClient},
	{"DELETE", "/clients/{id}", (*api).deleteClient},
	{"GET", "/config", (*api).showConfig},
	{"PATCH", "/config", (*api).patchConfig},
	{"GET", "/clock", (*api).showClock},
	{"POST", "/clock/advance", (*api).advanceClock},
	{"GET", "/requests", (*api).listRequests},
	{"DELETE", "/requests", (*api).deleteRequests},
	{"GET", "/counts", (*api).listCounts},
	{"GET", "/events", (*api).listEvents},
	{"GET", "/faults", (*api).listFaults},
	{"POST", "/faults", (*api).addFault},
	{"POST", "/faults/{id}/release", (*api).releaseFault},
	{"DELETE", "/faults/{id}", (*api).deleteFault},
	{"DELETE", "/faults", (*api).deleteFaults},
	{"POST", "/delivery-faults", (*api).addDeliveryFault},
	{"DELETE", "/delivery-faults", (*api).deleteDeliveryFaults},
	{"POST", "/logout-tokens", (*api).makeLogoutToken},
	{"GET", "/outbox", (*api).listOutbox},
	{"POST", "/outbox/settle", (*api).settleOutbox},
	{"POST", "/keys/rotate", (*api).rotateKeysForTest},
	{"POST", "/reset", (*api).reset},
	{"GET", "/openapi.json", (*api).openAPI},
	{"GET", "/{$}", (*api).statusPage},
}

// Path is where [Beside] serves, relative to the issuer.
const Path = "/_mock/"

// maxBody bounds what a request may carry, in bytes.
const maxBody = 64 << 10

// api is the control API of one provider, and what it remembers.
type api struct {
	idp *idpmock.IDP

	mu       sync.Mutex
	browsers map[string]*idpmock.Browser // by name
	held     map[string]*heldFault
	faultIDs int
}

// Handler serves the control API and the status page, with paths such as "/sessions"; mount
// it with [http.StripPrefix], or by [Beside]. It has no authentication: everybody who
// reaches it controls the provider. It refuses requests that other websites make through a visitor's browser.
func Handler(p *idpmock.IDP) http.Handler {
	a := &api{idp: p, browsers: map[string]*idpmock.Browser{}, held: map[string]*heldFault{}}
	mux := http.NewServeMux()
	for _, route := range routes {
		mux.HandleFunc(route.method+" "+route.path, func(w http.ResponseWriter, r *http.Request) {
			r.Body = http.MaxBytesReader(w, r.Body, maxBody)
			if err := route.serve(a, w, r); err != nil {
				writeError(w, err)
			}
		})
	}
	guarded := http.NewCrossOriginProtection().Handler(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !ourHost(p.Issuer(), r.Host) {
			writeError(w, invalid("this Host is not the provider's: the control API answers to its own name only"))
			return
		}
		guarded.ServeHTTP(w, r)
	})
}

// Beside serves the control API under /_mock/ of the issuer, and leaves all other requests
// to next, which is the provider's handler.
func Beside(p *idpmock.IDP, next http.Handler) http.Handler {
	mux := http.NewServeMux()
	at := Path
	if u, err := url.Parse(p.Issuer()); err == nil { // it was checked by idpmock.New
		at = u.Path + Path
	}
	mux.Handle(at, http.StripPrefix(strings.TrimSuffix(at, "/"), Handler(p)))
	mux.Handle("/", next)
	return mux
}

// ourHost guards against DNS rebinding: a foreign name that was made to resolve
// to this machine is not ours.
func ourHost(issuer, host string) bool {
	if u, err := url.Parse(issuer); err == nil && u.Host == host {
		return true
	}
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// problem is an answer that is an error.
type problem struct {
	status int
	Code   string `json:"error"`
	Desc   string `json:"error_description,omitempty"`
}

func (e *problem) Error() string { return e.Code + ": " + e.Desc }

func invalid(desc string) *problem {
	return &problem{http.StatusBadRequest, "invalid_request", desc}
}

func writeError(w http.ResponseWriter, err error) {
	var e *problem
	switch {
	case errors.As(err, &e):
	case errors.Is(err, idpmock.ErrNoSession), errors.Is(err, idpmock.ErrUnknownClient),
		errors.Is(err, idpmock.ErrUnknownUser), errors.Is(err, errNoFault):
		e = &problem{http.StatusNotFound, "not_found", err.Error()}
	default:
		e = invalid(err.Error())
	}
	plain.Write(w, e.status, e)
}

func readAll(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, invalid("the body cannot be read, or is longer than 64 KiB")
	}
	return body, nil
}

// readJSON decodes a request body. An empty one leaves v as it is.
func readJSON(r *http.Request, v any) error {
	body, err := readAll(r)
	if err != nil || len(body) == 0 {
		return err
	}
	if err := plain.Strict(body, v); err != nil {
		return invalid("the body is not what openapi.json asks for: " + err.Error())
	}
	return nil
}

func noContent(w http.ResponseWriter) error {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func okJSON(w http.ResponseWriter, v any) error {
	plain.Write(w, http.StatusOK, v)
	return nil
}

// sendEvents streams events as server-sent events until the reader goes.
func (a *api) sendEvents(w http.ResponseWriter, r *http.Request) error {
	events, cancel := a.idp.Subscribe(1024)
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
