package idpmock

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/tandem-sso/tandem/idp-mock/internal/plain"
)

// maxBody bounds what a request may carry, in bytes.
const maxBody = 64 << 10

// Endpoint names a kind of request, for records, counts, faults and events.
type Endpoint string

// The endpoints. Requests to the token endpoint are told apart by their grant;
// EndpointToken stands for all of them where something is counted or faulted.
const (
	EndpointDiscovery Endpoint = "discovery"
	EndpointJWKS      Endpoint = "jwks"
	EndpointAuthorize Endpoint = "authorize"
	EndpointPAR       Endpoint = "par"
	EndpointLogin     Endpoint = "login" // the posted sign-in page
	EndpointToken     Endpoint = "token"
	EndpointCode      Endpoint = "token/code"    // grant_type=authorization_code
	EndpointRefresh   Endpoint = "token/refresh" // grant_type=refresh_token
	// EndpointClientCredentials and EndpointExchange are the other grants.
	EndpointClientCredentials Endpoint = "token/client_credentials"
	EndpointExchange          Endpoint = "token/exchange" // RFC 8693
	EndpointUserinfo          Endpoint = "userinfo"
	EndpointIntrospect        Endpoint = "introspect"
	EndpointRevoke            Endpoint = "revoke"
	EndpointEndSession        Endpoint = "end_session"
	EndpointCheckSession      Endpoint = "check_session"
	EndpointControl           Endpoint = "control"      // session API and control API
	EndpointBackchannel       Endpoint = "back-channel" // deliveries, from us to a client
	// EndpointCallback stands for the redirect back to a client, from authorize,
	// login or end_session, for faults.
	EndpointCallback Endpoint = "callback"
)

// Paths of the endpoints, relative to the issuer.
const (
	PathDiscovery    = "/.well-known/openid-configuration"
	PathJWKS         = "/jwks"
	PathAuthorize    = "/authorize"
	PathPAR          = "/par"
	PathLogin        = "/login"
	PathToken        = "/token"
	PathUserinfo     = "/userinfo"
	PathIntrospect   = "/introspect"
	PathRevoke       = "/revoke"
	PathEndSession   = "/end_session"
	PathCheckSession = "/check_session"
)

func (p *IDP) routes() http.Handler {
	mux := http.NewServeMux()
	route := func(pattern string, ep Endpoint, h http.HandlerFunc) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.Handle(method+" "+p.path+path, p.observed(ep, h))
	}
	// fromPages is a route that pages of public clients may call, too.
	fromPages := func(pattern string, ep Endpoint, h http.HandlerFunc) {
		method, path, _ := strings.Cut(pattern, " ")
		mux.Handle(method+" "+p.path+path, p.shared(p.observed(ep, h)))
		if method == http.MethodPost {
			mux.Handle("OPTIONS "+p.path+path, p.shared(http.HandlerFunc(p.preflight)))
		}
	}
	route("GET "+PathDiscovery, EndpointDiscovery, p.discovery)
	route("GET "+PathJWKS, EndpointJWKS, p.jwks)
	route("GET "+PathAuthorize, EndpointAuthorize, p.authorize)
	route("POST "+PathAuthorize, EndpointAuthorize, p.authorize)
	fromPages("POST "+PathPAR, EndpointPAR, p.unlessLacking(hasPAR, p.par))
	route("POST "+PathLogin, EndpointLogin, p.login)
	fromPages("POST "+PathToken, EndpointToken, p.token)
	fromPages("GET "+PathUserinfo, EndpointUserinfo, p.unlessLacking(hasUserinfo, p.userinfo))
	fromPages("POST "+PathUserinfo, EndpointUserinfo, p.unlessLacking(hasUserinfo, p.userinfo))
	route("POST "+PathIntrospect, EndpointIntrospect, p.unlessLacking(hasIntrospect, p.introspect))
	fromPages("POST "+PathRevoke, EndpointRevoke, p.unlessLacking(hasRevoke, p.revoke))
	route("GET "+PathEndSession, EndpointEndSession, p.unlessLacking(hasEndSession, p.endSession))
	route("POST "+PathEndSession, EndpointEndSession, p.unlessLacking(hasEndSession, p.endSession))
	route("POST "+PathEndSession+"/confirm", EndpointEndSession, p.unlessLacking(hasEndSession, p.confirmLogout))
	route("POST "+PathRegister, EndpointRegister, p.register)
	for _, method := range []string{"GET", "PUT", "DELETE"} {
		route(method+" "+PathRegister+"/{client}", EndpointRegister, p.manage)
	}
	route("GET "+PathCheckSession, EndpointCheckSession, p.unlessLacking(hasCheckSession, p.checkSession))
	return mux
}

// exchange is what one request carries through its handler.
type exchange struct {
	client string // as far as it is known
	fault  *Fault // to apply inside the handler
	code   string // OAuth error code of the answer
}

type exchangeKey struct{}

func exchangeOf(r *http.Request) *exchange {
	if x, ok := r.Context().Value(exchangeKey{}).(*exchange); ok {
		return x
	}
	return &exchange{}
}

// observed bounds, records and, where a fault says so, spoils a request. The
// handler's answer is buffered, so that it can be lost after its effects have
// happened.
func (p *IDP) observed(ep Endpoint, h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := p.Now()
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := r.ParseForm(); err != nil {
			writeError(w, r, errInvalidRequest("the request's form or query cannot be read"))
			return
		}
		ep := ep
		if ep == EndpointToken {
			switch r.PostForm.Get("grant_type") {
			case "authorization_code":
				ep = EndpointCode
			case "refresh_token":
				ep = EndpointRefresh
			case grantClientCredentials:
				ep = EndpointClientCredentials
			case grantTokenExchange:
				ep = EndpointExchange
			}
		}
		x := &exchange{client: p.peekClient(r)}
		r = r.WithContext(context.WithValue(r.Context(), exchangeKey{}, x))
		rec := Request{Time: began, Endpoint: ep, Method: r.Method, Client: x.client, Params: masked(r.Form)}

		x.fault = p.faults.take(ep, x.client)
		if x.fault != nil {
			rec.Fault = x.fault.String()
			p.notify(Event{Kind: EventFault, Client: x.client, Endpoint: ep, Outcome: rec.Fault})
		}
		answer, lost := p.answer(h, r, x)
		rec.Status, rec.Error = answer.status, x.code
		if x.client != "" {
			rec.Client = x.client
		}
		rec.Duration = p.Now().Sub(began)
		if lost {
			rec.Status = 0
			p.journal.add(rec)
			panic(http.ErrAbortHandler) // cuts the connection, the client sees no answer
		}
		p.journal.add(rec)
		w.Header().Set("Date", p.Now().UTC().Format(http.TimeFormat)) // net/http's clock is not this IdP's
		answer.send(w)
	})
}

// answer runs the handler with the request's fault around it.
func (p *IDP) answer(h http.HandlerFunc, r *http.Request, x *exchange) (answer *buffer, lost bool) {
	answer = &buffer{header: http.Header{}}
	f := x.fault
	if f == nil {
		h(answer, r)
		return answer, false
	}
	waits := r.Context()
	if f.ReadsLate {
		waits, r = p.ctx, r.WithContext(context.WithoutCancel(r.Context()))
	}
	if !f.waitBefore(waits) || f.DropBefore {
		return answer, true
	}
	if f.refuses() {
		x.code = f.Error
		f.write(answer)
	} else {
		h(answer, r)
		f.spoil(answer)
	}
	if !f.waitAfter(r.Context()) || f.DropAfterCommit {
		return answer, true
	}
	return answer, false
}

// buffer is a ResponseWriter that keeps the answer.
type buffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *buffer) Header() http.Header { return b.header }

func (b *buffer) WriteHeader(status int) {
	if b.status == 0 {
		b.status = status
	}
}

func (b *buffer) Write(p []byte) (int, error) {
	b.WriteHeader(http.StatusOK)
	return b.body.Write(p)
}

func (b *buffer) send(w http.ResponseWriter) {
	for k, v := range b.header {
		w.Header()[k] = v
	}
	w.WriteHeader(or(b.status, http.StatusOK))
	w.Write(b.body.Bytes())
}

// oauthError is an error answer of RFC 6749 §5.2 and its relatives.
type oauthError struct {
	status int
	Code   string `json:"error"`
	Desc   string `json:"error_description,omitempty"`
	scheme string // of a WWW-Authenticate challenge
	// challenge is the whole WWW-Authenticate header, where it is not made of the
	// fields above.
	challenge string
}

func (e *oauthError) Error() string { return e.Code + ": " + e.Desc }

func errInvalidRequest(desc string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, Code: "invalid_request", Desc: desc}
}

func errInvalidGrant(desc string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, Code: "invalid_grant", Desc: desc}
}

func errServer(err error) *oauthError {
	return &oauthError{status: http.StatusInternalServerError, Code: "server_error", Desc: err.Error()}
}

func writeError(w http.ResponseWriter, r *http.Request, err error) {
	var e *oauthError
	if !errors.As(err, &e) {
		e = errServer(err)
	}
	exchangeOf(r).code = e.Code
	if e.scheme != "" || e.challenge != "" {
		challenge := e.scheme
		if e.Code != "" {
			challenge += ` error="` + e.Code + `", error_description="` + e.Desc + `"`
		}
		w.Header().Set("WWW-Authenticate", or(e.challenge, challenge))
	}
	plain.Write(w, e.status, e)
}

// repeated names a parameter that is there more than once, which RFC 6749 §3.1
// forbids.
func repeated(form url.Values) string {
	for name, values := range form {
		if len(values) > 1 && name != "resource" && name != "audience" {
			return name
		}
	}
	return ""
}
