package web

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// NoStore is for every answer of the library itself: nobody keeps it, and nobody
// guesses that it is of another type than it says.
func NoStore(h http.Header) {
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
}

// OwnSite keeps an answer out of other sites' pages.
func OwnSite(h http.Header) {
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
}

// RetryAfter says when the same request may work: in whole seconds, one at least.
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

// SeeOther sends the browser to an address by GET, as it is: http.Redirect would tidy it,
// and /a//b may be another page than /a/b.
func SeeOther(w http.ResponseWriter, to string) {
	w.Header().Set("Location", to)
	w.WriteHeader(http.StatusSeeOther)
}

// SendOn redirects, or tells a script where to go: fetch cannot follow a redirect
// to another site, and a page's form-action policy may not let a form follow it.
func SendOn(w http.ResponseWriter, r *http.Request, to string) error {
	if ForScript(r.Header) {
		return WriteJSON(w, struct {
			Location string `json:"location"`
		}{to})
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}
