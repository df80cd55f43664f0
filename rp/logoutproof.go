package rp

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"html/template"
	"net/http"
)

// fromNowhere reports whether a form comes from a page that hides its origin
// (Referrer-Policy: no-referrer), in a browser without Fetch Metadata. It may be this
// app's own page, or a sandboxed frame of anybody's.
func fromNowhere(h http.Header) bool {
	return first(h, "Origin") == "null" && first(h, "Sec-Fetch-Site") == ""
}

const proofField = "tandem_proof"

// proof is what only a page that this app has shown to this browser can send back.
func (p *RelyingParty) proof(i int, key Key) string {
	mac := hmac.New(sha256.New, p.party.refs[i])
	mac.Write([]byte("logout"))
	mac.Write(key[:])
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// proves reports whether a form of nobody knows whom carries this session's proof. If
// not, it shows the form that does, and the person presses the button once more.
func (p *RelyingParty) proves(w http.ResponseWriter, r *http.Request) (bool, error) {
	key, ok := p.sessionKey(r.Header)
	if !ok {
		return true, nil // nobody is logged out by it
	}
	everywhere, err := wantsEverywhere(w, r)
	if err != nil {
		return false, err
	}
	for i := range p.party.refs {
		if hmac.Equal([]byte(r.PostForm.Get(proofField)), []byte(p.proof(i, key))) {
			return true, nil
		}
	}
	if !formOf(r).isPage() {
		return false, ErrCrossOrigin
	}
	var b bytes.Buffer
	err = proofTemplate.Execute(&b, struct {
		Style                template.CSS
		Action, Field, Proof string
		Everywhere           bool
	}{pageStyle, p.outer + "/logout", proofField, p.proof(0, key), everywhere})
	if err != nil {
		return false, err
	}
	pageHeader(w.Header(), "")
	_, err = w.Write(b.Bytes())
	return false, err
}

var proofTemplate = template.Must(template.New("proof").Parse(`<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Log out?</title><style>{{.Style}}</style></head>
<body><main><h1>Log out?</h1><p>Your browser does not say which page has asked for this.</p>
<form method="post" action="{{.Action}}"><input type="hidden" name="{{.Field}}" value="{{.Proof}}">{{if .Everywhere}}<input type="hidden" name="everywhere" value="1">{{end}}<button>Log out</button></form>
</main></body></html>
`))
