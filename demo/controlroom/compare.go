package controlroom

import (
	"errors"
	"net/http"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/demo/planner"
)

// sideFailure is a failure that belongs to a field of the comparison, or to one of its sides.
type sideFailure struct {
	fieldFailure
	Side int `json:"side,omitempty"` // 1 or 2
}

// compare plays one story in two worlds of their own. The world of this page goes on.
func (r *Room) compare(w http.ResponseWriter, req *http.Request) {
	var q planner.Question
	if err := decode(w, req, &q); err != nil {
		apps.JSON(w, http.StatusBadRequest, apps.Failure{Error: "bad_request", Text: "This is no comparison: " +
			err.Error()})
		return
	}
	answer, err := r.theatre.Play(req.Context(), q)
	var field *planner.FieldError
	switch {
	case err == nil:
		apps.JSON(w, http.StatusOK, answer)
	case errors.As(err, &field):
		apps.JSON(w, http.StatusUnprocessableEntity,
			sideFailure{fieldFailure{apps.Failure{Error: "not_done", Text: field.Text}, field.Field}, field.Side})
	case errors.Is(err, planner.ErrBusy), errors.Is(err, planner.ErrLong), errors.Is(err, planner.ErrClosed):
		w.Header().Set("Retry-After", "5")
		apps.JSON(w, http.StatusServiceUnavailable, apps.Failure{Error: "busy", Text: err.Error()})
	case req.Context().Err() != nil: // nobody reads an answer
	default:
		r.logger.Error("a comparison could not be played", "error", err)
		apps.JSON(w, http.StatusInternalServerError, apps.Failure{Error: "not_done", Text: "The play was broken off: " +
			err.Error()})
	}
}
