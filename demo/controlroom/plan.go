package controlroom

import (
	"net/http"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/demo/planner"
)

// plan says who would be logged out when.
func (r *Room) plan(w http.ResponseWriter, req *http.Request) {
	var p planner.Policy
	if err := decode(w, req, &p); err != nil {
		apps.JSON(w, http.StatusBadRequest, apps.Failure{Error: "bad_request", Text: "This is no policy: " +
			err.Error()})
		return
	}
	plan, err := planner.Make(p)
	if err != nil {
		apps.JSON(w, http.StatusUnprocessableEntity, apps.Failure{Error: "not_done", Text: err.Error()})
		return
	}
	apps.JSON(w, http.StatusOK, plan)
}
