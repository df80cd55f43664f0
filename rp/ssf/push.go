package ssf

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// ServeHTTP receives one pushed token (RFC 8935). It answers 202 when the token's effect is
// stored, also if it has seen the token before; 400 with a JSON object if the token is not
// acceptable; 503 if it should be sent again.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	if req.Method != http.MethodPost {
		h.Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	err := r.push(w, req)
	var bad *fault
	switch {
	case err == nil:
		w.WriteHeader(http.StatusAccepted) // with an empty body (§2.2)
	case errors.As(err, &bad):
		h.Set("Content-Type", "application/json")
		h.Set("Content-Language", "en")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(bad) // the transmitter may have gone
	default:
		r.log.Warn("a pushed security event could not be carried out; the transmitter should send it again", "error",
			err)
		h.Set("Retry-After", "5")
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (r *Receiver) push(w http.ResponseWriter, req *http.Request) error {
	if !r.authenticated(req.Header) {
		r.warnOfStranger()
		return &fault{authenticationFailed, "the Authorization header does not carry the agreed token"}
	}
	if t, _, err := mime.ParseMediaType(req.Header.Get("Content-Type")); err != nil || t != "application/secevent+jwt" {
		return invalid("Content-Type is not application/secevent+jwt")
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxSET))
	if err != nil {
		return invalid("the body cannot be read, or is longer than %d bytes", maxSET)
	}
	return r.receive(req.Context(), strings.TrimSpace(string(raw)), "")
}

// warnOfStranger bounds what strangers can make us log.
func (r *Receiver) warnOfStranger() {
	now := r.cfg.Now()
	r.mu.Lock()
	again := now.Sub(r.warned) >= time.Minute
	if again {
		r.warned = now
	}
	r.mu.Unlock()
	if again {
		r.log.Warn("pushes arrive without the right Config.PushToken")
	}
}

// authenticated compares hashes, so that the time it takes tells nothing, not
// even about lengths.
func (r *Receiver) authenticated(h http.Header) bool {
	if r.cfg.PushToken == "" || len(h["Authorization"]) != 1 {
		return false
	}
	scheme, token, _ := strings.Cut(h["Authorization"][0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return false
	}
	got, want := sha256.Sum256([]byte(strings.TrimSpace(token))), sha256.Sum256([]byte(r.cfg.PushToken))
	return subtle.ConstantTimeCompare(got[:], want[:]) == 1
}
