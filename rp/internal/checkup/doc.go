// Package checkup looks at what only a request shows: whether the IdP takes this client as it is
// registered there, and whether requests reach this app's endpoints. What it finds is for the
// operator. It knows no session and no store.
package checkup
