// Package apps is what the demo shows. Three applications teach the three kinds of client,
// each in a file to copy from, with its page beside it: refreshtoken.go, referencetoken.go,
// notoken.go. app.go and what it uses is what a program of the demo needs beside them. Behind
// the three is an API (api.go), and next to them an application that does what many do
// (naive.go). look.go is how all pages of the demo look, reasons.go their words for the reasons
// why sessions end.
package apps
