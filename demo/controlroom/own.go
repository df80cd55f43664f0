package controlroom

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/demo/trial"
)

// trialAddress is the port after those of the system.
func trialAddress(base int) string {
	if base != 0 {
		base += system.Ports
	}
	return fmt.Sprintf("127.0.0.1:%d", base)
}

// fieldFailure is a failure that belongs to a field of the form.
type fieldFailure struct {
	apps.Failure
	Field string `json:"field,omitempty"`
}

// own points the trial's app at the IdP that a person has given. The secret comes
// in the body, is kept in memory only, and never comes back.
func (r *Room) own(w http.ResponseWriter, req *http.Request) {
	var o trial.Order
	if decode(w, req, &o) != nil { // its text may repeat a part of the body
		apps.JSON(w, http.StatusBadRequest, apps.Failure{Error: "bad_request", Text: "This form cannot be read."})
		return
	}
	err := r.trial.Begin(req.Context(), o)
	var field *trial.FieldError
	switch {
	case errors.As(err, &field):
		apps.JSON(w, http.StatusUnprocessableEntity, fieldFailure{apps.Failure{Error: "not_done", Text: field.Text},
			field.Field})
	case err != nil:
		apps.JSON(w, http.StatusUnprocessableEntity, fieldFailure{apps.Failure{Error: "not_done", Text: err.Error()},
			""})
	default:
		apps.JSON(w, http.StatusOK, r.trial.State())
	}
}

func (r *Room) ownEnd(w http.ResponseWriter, _ *http.Request) {
	if err := r.trial.End(); err != nil {
		apps.JSON(w, http.StatusInternalServerError, apps.Failure{Error: "not_done", Text: err.Error()})
		return
	}
	apps.JSON(w, http.StatusOK, r.trial.State())
}
