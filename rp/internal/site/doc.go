// Package site knows the addresses of an app: the host names and the path under which browsers see
// it, the addresses of the library's endpoints, which address leads to a page of the app, and the
// origins whose pages may send it requests. It compares addresses and headers only. It does not
// know who is logged in, and writes no answer.
package site
