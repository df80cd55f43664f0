// Package interop runs the programs of the guides, docs/idp, at the IdPs that they are about,
// each with all three kinds of client, and writes what it has seen to docs/interop.md. It is
// a lane of its own, make interop: it fetches and builds IdPs and takes minutes.
package interop
