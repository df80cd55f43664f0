package asset

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed" // session.js and what belongs to it are part of the program
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/web"
)

var (
	//go:embed session.min.js
	sessionScript []byte
	//go:embed session.js
	sessionSource []byte
	//go:embed session.d.ts
	sessionTypes []byte

	script = sync.OnceValue(func() *file { return newFile("text/javascript; charset=utf-8", sessionScript) })
	source = sync.OnceValue(func() *file { return newFile("text/javascript; charset=utf-8", sessionSource) })
	types  = sync.OnceValue(func() *file { return newFile("text/plain; charset=utf-8", sessionTypes) })
)

// ServeScript serves session.js, the ES module for pages, minified. Browsers ask each
// time whether it has changed, so that pages and server always fit together.
func ServeScript(w http.ResponseWriter, r *http.Request) { script().serve(w, r) }

// ServeSource serves the same module as it was written. A page may load it instead.
func ServeSource(w http.ResponseWriter, r *http.Request) { source().serve(w, r) }

// ServeTypes serves the TypeScript declarations of session.js.
func ServeTypes(w http.ResponseWriter, r *http.Request) { types().serve(w, r) }

// file is one that never changes while the program runs.
type file struct {
	contentType string
	plain, gzip []byte
	tag         string // hash of the plain bytes
}

func newFile(contentType string, b []byte) *file {
	var z bytes.Buffer
	zw, _ := gzip.NewWriterLevel(&z, gzip.BestCompression)
	_, _ = zw.Write(b)
	_ = zw.Close() // a bytes.Buffer takes everything
	sum := sha256.Sum256(b)
	return &file{contentType, b, z.Bytes(), base64.RawURLEncoding.EncodeToString(sum[:12])}
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("Vary", "Accept-Encoding")
	web.OwnSite(h)
	body, tag := f.plain, f.tag
	if acceptsGzip(r.Header) {
		body, tag = f.gzip, f.tag+"-gz"
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// acceptsGzip is as strict as our two variants need: whoever refuses gzip in any
// way gets plain text.
func acceptsGzip(h http.Header) bool {
	for coding := range strings.SplitSeq(web.First(h, "Accept-Encoding"), ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			return !strings.HasPrefix(strings.ReplaceAll(q, " ", ""), "q=0") || strings.ContainsAny(q, "123456789")
		}
	}
	return false
}
