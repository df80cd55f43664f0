// Package checkup checks two things that only a request can show: whether the registration of this
// client at the IdP fits its configuration, and whether requests reach this app's endpoints. Its
// findings are for the operator. It uses no session and no store.
package checkup
