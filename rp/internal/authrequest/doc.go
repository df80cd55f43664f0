// Package authrequest makes authorization requests: the parameters of a log-in or of a silent
// check, and the address at the IdP to which the browser goes. It does not decide whether the IdP
// is asked, and uses no store.
package authrequest
