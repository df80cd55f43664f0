package trial

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const maxLogout = 64 << 10 // bytes of a body that is looked into

// about says which session a logout token is about.
type about struct {
	sid    string
	issued time.Time
}

// aboutWhich reads the claims of a logout token that the library is about to check, and leaves
// the body as it was. Nothing may be concluded unless the library believes the token.
func aboutWhich(r *http.Request) about {
	if r.Method != http.MethodPost {
		return about{}
	}
	read, err := io.ReadAll(io.LimitReader(r.Body, maxLogout))
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(bytes.NewReader(read), r.Body), r.Body}
	if err != nil {
		return about{}
	}
	form, err := url.ParseQuery(string(read))
	if err != nil {
		return about{}
	}
	return claimsOf(form.Get("logout_token"))
}

// claimsOf reads a JWT without looking at its signature. What cannot be read, such as one that
// is encrypted, names nothing.
func claimsOf(token string) (a about) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return a
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return a
	}
	var claims struct {
		SID string  `json:"sid"`
		IAT float64 `json:"iat"`
	}
	if json.Unmarshal(payload, &claims) != nil {
		return a
	}
	a.sid = claims.SID
	if claims.IAT > 0 && claims.IAT < 1e11 { // no year that time.Time cannot have
		a.issued = time.Unix(int64(claims.IAT), 0)
	}
	return a
}
