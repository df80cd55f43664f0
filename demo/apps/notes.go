package apps

import (
	"encoding/json"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"

	"github.com/tandem-sso/tandem/demo/app"
)

const (
	maxNotes = 5   // that a session keeps
	maxTitle = 100 // characters
	maxText  = 300 // characters of a note that are kept
	maxBody  = 64 << 10
)

// note is what is left of a text that was saved.
type note struct{ Title, Text string }

// values is the name of the session's values.
const values = "notes"

// notes reads the session's own values: they are the same on every instance and
// gone when the session is.
func notes(a *app.App, r *http.Request) ([]note, error) {
	s, err := a.RP.Values().Get(r, values)
	if err != nil {
		return nil, err
	}
	text, _ := s.Values["list"].(string)
	var list []note
	_ = json.Unmarshal([]byte(text), &list) // none yet
	return list, nil
}

func refreshTokenDesk(a *app.App, r *http.Request, p app.Person) (templ.Component, error) {
	list, err := notes(a, r)
	return refreshTokenPage(p.DisplayName(), list), err
}

// save takes a note and puts its beginning at the top of the session's list.
func save(a *app.App) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := r.ParseForm(); err != nil {
			app.JSON(w, http.StatusBadRequest, app.Failure{Error: "bad_request", Text: "the text is too long or unreadable"})
			return
		}
		text := r.PostForm.Get("text")
		n := note{Title: cut(strings.TrimSpace(r.PostForm.Get("title")), maxTitle), Text: cut(text, maxText)}
		if n.Title == "" {
			n.Title = "Untitled"
		}
		list, err := notes(a, r)
		if err == nil {
			list = append([]note{n}, list...)
			err = keep(a, w, r, list[:min(len(list), maxNotes)])
		}
		if err != nil {
			a.RP.Answer(r, err).Write(w)
			return
		}
		app.JSON(w, http.StatusCreated, map[string]any{"title": n.Title, "text": n.Text, "characters": utf8.RuneCountInString(text), "kept": maxNotes})
	}
}

func keep(a *app.App, w http.ResponseWriter, r *http.Request, list []note) error {
	s, err := a.RP.Values().Get(r, values)
	if err != nil {
		return err
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	s.Values["list"] = string(text)
	return s.Save(r, w)
}

// cut shortens a text to so many characters.
func cut(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i] + "…"
		}
	}
	return s
}
