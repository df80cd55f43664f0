// Package middleware holds docs/middleware.md against the real things: chi, gorilla, echo,
// gin and fiber, and the middleware that people put around everything. It is a module of its
// own, so that none of them gets into the library's go.mod.
package middleware
