package web

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// NoStore sets the headers of the library's own answers: no cache stores them, and no browser
// guesses another content type.
func NoStore(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

// OwnSite sets the headers that keep an answer out of the pages of other origins.
func OwnSite(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// RetryAfter sets Retry-After in whole seconds, at least one.
func RetryAfter(h http.Header, d time.Duration) {
	h.Set("Retry-After", strconv.Itoa(max(1, int(math.Ceil(d.Seconds())))))
}

// WriteJSON answers 200 with v.
func WriteJSON(w http.ResponseWriter, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	h := w.Header()
	NoStore(h)
	OwnSite(h)
	h.Set("Content-Type", "application/json")
	_, err = w.Write(append(data, '\n'))
	return err
}

// SeeOther redirects to an address without changing it. http.Redirect would clean its path, and
// /a//b may be another page than /a/b.
func SeeOther(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// SendOn redirects a browser, and gives a script the address as JSON: fetch cannot follow a
// redirect to another site, and the form-action policy of a page may stop a form.
func SendOn(w http.ResponseWriter, r *http.Request, to string) error {
	if ForScript(r.Header) {
		return WriteJSON(w, struct {
			Location string `json:"location"`
		}{to})
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
