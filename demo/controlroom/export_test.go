package controlroom

import "net/http"

// Handler is what the room serves.
func (r *Room) Handler() http.Handler { return r.handler() }
