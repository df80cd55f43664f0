// Package web has what every answer to a browser needs: what kind of client asks, the headers of
// the library's own answers, redirects and JSON. It reads a request and writes an answer, and
// decides nothing else. It does not know who is logged in, and uses no session, no store and no
// IdP.
package web
