// Package asset serves the files that pages load: session.js, its source and its types. They
// are a part of the program and never change while it runs, so a browser asks only whether it
// has the same. It knows no session, and what the script does is decided in session.js.
//
// make generate writes session.min.js from session.js; pages get the former.
package asset
