// Package site knows where an app is: the names and the path under which browsers see it, the
// addresses of the library's endpoints, which address leads to a page of the app, and whose
// pages may ask it for something. It compares texts and headers alone. It never knows who is
// logged in, and writes no answer.
package site
