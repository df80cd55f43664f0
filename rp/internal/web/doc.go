// Package web is what every answer to a browser needs: what kind of client asks, the headers
// of an answer of the library itself, redirects and JSON. It looks at a request and writes an
// answer, and decides nothing else. It never knows who is logged in, and never reads a
// session, a store or the IdP.
package web
