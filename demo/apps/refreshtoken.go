package apps

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"

	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
)

// StartRefreshToken starts the app that has a refresh token: it tells the IdP of activity
// by refreshing, and learns of the end by a refused refresh. It serves on return.
func StartRefreshToken(ctx context.Context, c Config) (*App, error) {
	return Start(ctx, Spec{
		Name: "refreshtoken", Title: "Notes", Tagline: "Write it down before it is gone.", Kind: rp.RefreshToken,
		Listen: "127.0.0.1:9101", Routes: refreshTokenRoutes, Desk: refreshTokenDesk,
	}, c)
}

func refreshTokenRoutes(a *App) http.Handler {
	web := nethttpadapter.New(a.RP)
	mux := http.NewServeMux()
	mux.Handle(a.RP.Prefix()+"/", web.Endpoints())
	mux.HandleFunc("GET /{$}", a.Home)
	mux.Handle("GET /private", web.RequireLogin(a.Seen(a.Private)))
	mux.Handle("GET /me", web.RequireLogin(a.Seen(a.Me)))
	mux.Handle("GET /passive", web.RequireLogin(web.Passive(a.Seen(a.Passive))))
	mux.Handle("GET /call-api", web.RequireLogin(a.Seen(a.CallAPI)))
	mux.Handle("GET /board", web.RequireLogin(a.Seen(showBoard(a))))
	mux.Handle("POST /notes", web.RequireLogin(a.Seen(save(a))))
	return mux
}

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
func notes(a *App, r *http.Request) ([]note, error) {
	s, err := a.RP.Values().Get(r, values)
	if err != nil {
		return nil, err
	}
	text, ok := s.Values["list"].(string)
	if !ok {
		return nil, nil // none yet
	}
	var list []note
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, fmt.Errorf("the notes in the session: %w", err)
	}
	return list, nil
}

func refreshTokenDesk(a *App, r *http.Request, p Person) (templ.Component, error) {
	list, err := notes(a, r)
	return refreshTokenPage(p.DisplayName(), list), err
}

// showBoard answers with the list alone, for a page that another system builds with htmx. A
// poll is marked by whoever polls, not by this route: a click on “Refresh” comes here, too.
func showBoard(a *App) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		list, err := notes(a, r)
		if err != nil {
			a.RP.Answer(r, err).Write(w)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = board(list).Render(r.Context(), w) // the browser has gone
	}
}

// save takes a note and puts its beginning at the top of the session's list.
func save(a *App) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		if err := r.ParseForm(); err != nil {
			JSON(w, http.StatusBadRequest, Failure{Error: "bad_request", Text: "the text is too long or unreadable"})
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
		JSON(w, http.StatusCreated, map[string]any{"title": n.Title, "text": n.Text,
			"characters": utf8.RuneCountInString(text), "kept": maxNotes})
	}
}

func keep(a *App, w http.ResponseWriter, r *http.Request, list []note) error {
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
