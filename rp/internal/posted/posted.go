package posted

import (
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/seal"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/internal/web"
)

// Path is the endpoint where a form is given back.
const Path = "/posted"

// MaxForm bounds a form that is kept, in bytes.
const MaxForm = 64 << 10

// Form waits in the tab that has sent it, sealed, and goes back to the same person only.
type Form struct {
	ID      string    `json:"id"` // it is given back once
	Subject string    `json:"subject"`
	Path    string    `json:"path"`
	Form    []byte    `json:"form"` // encoded
	Until   time.Time `json:"until"`
}

// Fits reports whether the form of a request can be kept: none with a file in it, nor one that
// was posted to what is no page of the app.
func Fits(r *http.Request) bool {
	path := r.URL.RequestURI()
	kind, _, _ := mime.ParseMediaType(web.First(r.Header, "Content-Type"))
	return r.Method == http.MethodPost && kind == "application/x-www-form-urlencoded" && site.SafeReturnTo(path) == path
}

// Read is the encoded form of a request that Fits; not ok if it is too large, or if somebody
// has read it before.
func Read(r *http.Request) (form []byte, ok bool) {
	r.Body = http.MaxBytesReader(nil, r.Body, MaxForm)
	if r.ParseForm() != nil || len(r.PostForm) == 0 && r.ContentLength != 0 {
		return nil, false
	}
	form = []byte(r.PostForm.Encode())
	return form, len(form) <= MaxForm // a middleware may have read it, with another limit
}

// Sealer seals forms and opens them.
type Sealer struct {
	ring  *seal.Ring
	bound []byte // what a sealed form cannot be taken away from
}

// NewSealer makes a Sealer of one client.
func NewSealer(ring *seal.Ring, owner []byte) Sealer {
	return Sealer{ring, append(owner[:len(owner):len(owner)], "posted"...)}
}

// Seal makes a text of a form that only a Sealer of the same keys can open.
func (s Sealer) Seal(f Form) string {
	plain, _ := json.Marshal(f) // texts and a time
	return base64.RawURLEncoding.EncodeToString(s.ring.Seal(plain, s.bound))
}

// Open reads what Seal has made.
func (s Sealer) Open(sealed string) (f Form, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(sealed)
	if err != nil {
		return Form{}, false
	}
	plain, err := s.ring.Open(raw, s.bound)
	return f, err == nil && json.Unmarshal(plain, &f) == nil
}
