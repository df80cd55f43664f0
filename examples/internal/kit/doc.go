// Package kit is the world around the examples in their tests: an IdP, the example as a
// process of its own, and a person with a browser. A real program needs none of it.
package kit
