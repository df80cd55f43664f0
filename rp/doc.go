// Package rp keeps the session of a web application in tandem with the session
// at its OpenID Provider: active anywhere is signed in everywhere, gone for a
// while is signed out everywhere, at once and with a reason.
package rp
