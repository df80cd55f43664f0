// Package controlroom is the demo's page: it shows the session at the IdP and
// those of the apps side by side, and lets people see single sign-on time out.
package controlroom

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/demo/planner"
	"github.com/tandem-sso/tandem/demo/scenario"
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/demo/trial"
)

//go:embed static
var files embed.FS

// Room is a running control room with the system behind it.
type Room struct {
	System  *system.System
	server  *apps.Server
	pilot   *pilot
	people  people
	stories *scenario.Player
	trial   *trial.Trial
	theatre *planner.Theatre
	logger  *slog.Logger
}

// Start starts the whole demo: IdP, apps, API and the page. It serves when Start
// returns; ctx bounds the start only.
func Start(ctx context.Context, c system.Config) (*Room, error) {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	s, err := system.Start(ctx, c)
	if err != nil {
		return nil, err
	}
	own, err := trial.New(trialAddress(c.PortBase), c.Now, c.Logger)
	if err != nil {
		return nil, errors.Join(err, s.Room.Close(), s.Close())
	}
	r := &Room{System: s, trial: own, theatre: planner.NewTheatre(c.Logger), server: apps.StartServer(s.Room, c.Logger),
		logger: c.Logger}
	r.pilot = startPilot(s, c.Logger)
	r.stories = scenario.NewPlayer(s)
	r.server.Use(r.handler())
	return r, nil
}

// URL is how browsers reach the page.
func (r *Room) URL() string { return r.System.RoomURL }

// Run serves until ctx ends, then closes everything.
func (r *Room) Run(ctx context.Context) error {
	return errors.Join(r.server.Wait(ctx), r.Close())
}

// Close ends everything.
func (r *Room) Close() error {
	r.pilot.close()
	r.theatre.Close() // the server waits for its requests
	err := errors.Join(r.stories.Close(), r.server.Close(), r.trial.Close())
	r.people.close()
	return errors.Join(err, r.System.Close())
}

func (r *Room) handler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /static/", apps.Static())
	mux.Handle("GET /room/", http.StripPrefix("/room", apps.Files(files)))
	mux.HandleFunc("GET /{$}", r.page)
	mux.HandleFunc("GET /events", r.events)
	mux.HandleFunc("GET /snapshot", func(w http.ResponseWriter, _ *http.Request) {
		apps.JSON(w, http.StatusOK, r.look())
	})
	mux.HandleFunc("GET /export.json", r.export)
	mux.HandleFunc("GET /why/{id}", r.why)
	mux.HandleFunc("POST /plan", r.plan)
	mux.HandleFunc("POST /compare", r.compare)
	mux.HandleFunc("POST /act", r.act)
	mux.HandleFunc("POST /own", r.own)
	mux.HandleFunc("POST /own/end", r.ownEnd)
	// Whoever reaches the page, rules; so no other site may, by the visitor's
	// browser (a form, or a name of theirs that leads here).
	csrf := http.NewCrossOriginProtection()
	return ours(csrf.Handler(mux))
}

// ours lets only names of this machine in: DNS rebinding makes another site's
// name lead here.
func ours(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if h, _, err := net.SplitHostPort(host); err == nil {
			host = h
		}
		if ip := net.ParseIP(strings.Trim(host, "[]")); !apps.IsLocal(host) && (ip == nil || !ip.IsLoopback()) {
			http.Error(w, "this is the control room of a demo on another machine's loopback",
				http.StatusMisdirectedRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (r *Room) page(w http.ResponseWriter, req *http.Request) {
	apps.Write(w, req, http.StatusOK, apps.Page{
		Title: "Control room · Tandem", Styles: []string{"/room/static/room.css"},
		Scripts: []string{"/room/static/room.js"}, Body: page(r.System),
		Skips: []apps.Skip{{ID: "stories", Name: "the story"}, {ID: "cards", Name: "the sessions"},
			{ID: "log", Name: "the timeline"}, {ID: "hand", Name: "clock and faults"},
			{ID: "planner", Name: "the comparison"}, {ID: "own", Name: "your own IdP"}},
	})
}

func (r *Room) export(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Disposition", `attachment; filename="tandem-timeline.json"`)
	apps.JSON(w, http.StatusOK, map[string]any{"snapshot": r.look(), "events": r.System.Log.Read(0).Events})
}

// snapshot is what the page shows beside the timeline.
type snapshot struct {
	system.Snapshot
	Speed  int             `json:"speed"`
	Pilots map[string]int  `json:"pilots"` // seconds between two acts of the person, by app
	Losing bool            `json:"losing"` // logout tokens
	Epoch  int             `json:"epoch"`  // of the timeline
	Story  *scenario.State `json:"story,omitempty"`
	Own    trial.State     `json:"own"`
}

func (r *Room) look() snapshot {
	epoch := r.System.Log.Epoch() // first: what is from before a reset must not look as if it came after
	speed, pilots := r.pilot.state()
	return snapshot{Snapshot: r.System.Look(), Speed: speed, Pilots: pilots, Losing: r.System.Losing(),
		Epoch: epoch, Story: r.stories.State(), Own: r.trial.State()}
}

// decode reads a small JSON object.
func decode(w http.ResponseWriter, r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10))
	d.DisallowUnknownFields()
	return d.Decode(v)
}
