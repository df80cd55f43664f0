// Package loginflow keeps log-ins that are not finished yet. They are kept in the browser,
// encrypted: the demands of a log-in and the page that it leads to are in its address and in
// state; the secrets that finish it are in a cookie of its own. The package checks that they come
// back unchanged. It does not decide whether a log-in may be finished, and uses no IdP, no store
// and no session.
package loginflow
