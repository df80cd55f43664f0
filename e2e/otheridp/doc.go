// Package otheridp runs each demo app alone, as a process, against an IdP that is
// not ours: npm's oidc-provider as it comes.
package otheridp
