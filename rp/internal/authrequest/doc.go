// Package authrequest makes authorization requests: what a log-in or a silent check asks of the
// IdP, and the address that the browser goes to with it. It says nothing of whether anybody is
// to be asked, and knows no store.
package authrequest
