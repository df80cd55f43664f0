package rp

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed" // session.js and its types are part of the program
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"
)

var (
	//go:embed session.js
	sessionScript []byte
	//go:embed session.d.ts
	sessionTypes []byte

	scriptAsset = sync.OnceValue(func() *asset { return newAsset("text/javascript; charset=utf-8", sessionScript) })
	typesAsset  = sync.OnceValue(func() *asset { return newAsset("text/plain; charset=utf-8", sessionTypes) })
)

// asset is a file that never changes while the program runs.
type asset struct {
	contentType string
	plain, gzip []byte
	tag         string // hash of the plain bytes
}

func newAsset(contentType string, b []byte) *asset {
	var z bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&z, gzip.BestCompression)
	_, _ = zw.Write(b)
	_ = zw.Close() // a bytes.Buffer takes everything
	sum := sha256.Sum256(b)
	return &asset{contentType, b, z.Bytes(), base64.RawURLEncoding.EncodeToString(sum[:12])}
}

// ServeScript serves session.js, the ES module for pages. Browsers ask each time
// whether it has changed, so that pages and server always fit together.
func (p *RelyingParty) ServeScript(w http.ResponseWriter, r *http.Request) error {
	scriptAsset().serve(w, r)
	return nil
}

// ServeTypes serves the TypeScript declarations of session.js.
func (p *RelyingParty) ServeTypes(w http.ResponseWriter, r *http.Request) error {
	typesAsset().serve(w, r)
	return nil
}

func (a *asset) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Encoding")
	ownSite(h)
	body, tag := a.plain, a.tag
	if acceptsGzip(r.Header) {
		body, tag = a.gzip, a.tag+"-gz"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// acceptsGzip is as strict as our two variants need: whoever refuses gzip in any
// way gets plain text.
func acceptsGzip(h http.Header) bool {
	for coding := range strings.SplitSeq(first(h, "Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return !strings.HasPrefix(strings.ReplaceAll(q, " ", ""), "q=0") || strings.ContainsAny(q, "123456789")
		}
	}
	return false
}
