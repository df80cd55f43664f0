package resourceserver

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
)

// Check authenticates a request and returns the IdP's answer about its token. A token that is
// bound to a key needs a DPoP proof (see Config.BaseURL). A token that is bound to a
// certificate needs that certificate: r.TLS must be the caller's connection, not a proxy's.
// Errors: ErrNoToken, ErrMalformed, ErrAmbiguous, ErrInactive, ErrProof, *UnavailableError;
// Refuse renders each.
func (s *Server) Check(r *http.Request) (*Token, error) {
	if s.showsBound(r) {
		raw, err := tokenBy("DPoP", r.Header)
		if err != nil {
			return nil, err
		}
		return s.checkBound(r, raw)
	}
	raw, err := BearerToken(r.Header)
	if err != nil {
		return nil, err
	}
	t, err := s.introspect(r.Context(), raw)
	if err == nil {
		err = t.asBearer(r, s.cfg.RequireBound)
	}
	if err != nil {
		return nil, err
	}
	return t, nil
}

// showsBound reports whether the token of a request is shown by the scheme DPoP, where that
// is taken at all.
func (s *Server) showsBound(r *http.Request) bool {
	_, err := tokenBy("DPoP", r.Header)
	return s.cfg.BaseURL != "" && (err == nil || errors.Is(err, ErrMalformed))
}

// Require lets a request through only with a valid token that has all of scopes; the handler
// finds it with FromContext. Other requests get the answer of RFC 6750 §3, or 503 while the
// IdP cannot be asked: in an outage of the IdP a token may still be valid, and a 401 would
// log people out.
func (s *Server) Require(next http.Handler, scopes ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t, err := s.Check(r)
		switch {
		case err != nil:
			s.Refuse(w, r, err)
		case !t.HasScope(scopes...):
			scheme := "Bearer"
			if s.showsBound(r) {
				scheme = "DPoP"
			}
			challenge(w, http.StatusForbidden, scheme+` error="insufficient_scope", scope="`+strings.Join(scopes,
				" ")+`"`)
		default:
			next.ServeHTTP(w, r.WithContext(NewContext(r.Context(), t)))
		}
	})
}

// Refuse answers a request whose Check failed.
func (s *Server) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	var trouble *UnavailableError
	scheme := "Bearer"
	if s.showsBound(r) {
		scheme = "DPoP"
	}
	switch {
	case errors.Is(err, ErrNoToken) && s.cfg.BaseURL != "": // RFC 9449 §7.1
		challenge(w, http.StatusUnauthorized, s.schemes())
	case errors.Is(err, ErrNoToken):
		challenge(w, http.StatusUnauthorized, "Bearer")
	case errors.Is(err, ErrAmbiguous):
		challenge(w, http.StatusBadRequest, scheme+` error="invalid_request"`)
	case errors.Is(err, ErrProof):
		challenge(w, http.StatusUnauthorized, `DPoP error="invalid_dpop_proof", `+proofAlgs)
	case errors.Is(err, ErrInactive), errors.Is(err, ErrMalformed):
		challenge(w, http.StatusUnauthorized, scheme+` error="invalid_token"`)
	case errors.As(err, &trouble):
		if !errors.Is(r.Context().Err(), context.Canceled) {
			s.cfg.Logger.Warn("a token could not be checked", "error", err)
		}
		w.Header().Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(trouble.RetryAfter.Seconds())))))
		problem(w, http.StatusServiceUnavailable, "temporarily_unavailable")
	default:
		problem(w, http.StatusInternalServerError, "server_error")
	}
}

const proofAlgs = `algs="ES256 PS256 EdDSA"`

// schemes are those by which a token may be shown.
func (s *Server) schemes() string {
	if s.cfg.RequireBound {
		return "DPoP " + proofAlgs
	}
	return "Bearer, DPoP " + proofAlgs
}

func challenge(w http.ResponseWriter, status int, c string) {
	w.Header().Set("WWW-Authenticate", c)
	code := "unauthorized"
	if _, after, ok := strings.Cut(c, `error="`); ok {
		code, _, _ = strings.Cut(after, `"`)
	}
	problem(w, status, code)
}

func problem(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(`{"error":"` + code + `"}` + "\n")) // the codes are ours
}
