package control

import (
	_ "embed"
	"html/template"
	"net/http"

	"github.com/tandem-sso/tandem/idp-mock/internal/look"
)

//go:embed status.js
var statusScript string

const statusStyle = `
body { max-width: 70rem; margin: 2rem auto }
main div { overflow-x: auto }
table { border-collapse: collapse; width: 100%; min-width: 44rem; font-size: .9rem }
caption { text-align: left; font-weight: 600; font-size: 1.1rem; margin: 1.5rem 0 .4rem }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid color-mix(in srgb, GrayText 40%, Canvas); vertical-align: top }
td { font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
#events td:first-child, #requests td:not(:last-child) { white-space: nowrap }
td button, header button { margin: 0 .3rem 0 0; padding: .2rem .6rem }
`

var statusTemplate = template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>idp-mock {{.Issuer}}</title><link rel="icon" href="data:,"><style>` + look.Style + statusStyle + `</style></head><body>
<header><h1>idp-mock</h1><p><code>{{.Issuer}}</code>, clock <output id="clock"></output>
<button data-advance="1m">+1 min</button><button data-advance="16m">+16 min</button><button data-advance="8h">+8 h</button>
<a href="openapi.json">control API</a></p><p id="trouble" role="status"></p></header>
<main>
<div tabindex="0" role="group" aria-label="Sessions"><table id="sessions"><caption>Sessions</caption><thead><tr><th>User<th>sid<th>Signed in<th>Idle end in<th>Absolute end in<th>Clients<th>Do</thead><tbody></tbody></table></div>
<div tabindex="0" role="group" aria-label="Clients"><table id="clients"><caption>Clients</caption><thead><tr><th>ID<th>Access token<th>Refresh tokens<th>Back-channel<th>Coordinated</thead><tbody></tbody></table></div>
<div tabindex="0" role="group" aria-label="Faults in force"><table id="faults"><caption>Faults in force</caption><thead><tr><th>Client<th>Endpoint<th>What<th>Left</thead><tbody></tbody></table></div>
<div tabindex="0" role="group" aria-label="Last events"><table id="events"><caption>Last events</caption><thead><tr><th>Time<th>Kind<th>Client<th>User<th>Endpoint<th>Outcome</thead><tbody></tbody></table></div>
<div tabindex="0" role="group" aria-label="Last requests"><table id="requests"><caption>Last requests</caption><thead><tr><th>Time<th>Endpoint<th>Client<th>Status<th>Error<th>Parameters</thead><tbody></tbody></table></div>
</main><script>{{.Script}}</script></body></html>`))

type statusData struct {
	Issuer string
	Script template.JS
}

// statusPage shows sessions, clients and recent requests; its script reads the
// control API every second.
func (a *api) statusPage(w http.ResponseWriter, r *http.Request) error {
	policy := "default-src 'none'; img-src data:; style-src " + look.Hash(look.Style+statusStyle) + "; script-src " +
		look.Hash(statusScript) +
		"; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'"
	look.Render(w, http.StatusOK, policy, statusTemplate, statusData{a.idp.Issuer(), template.JS(statusScript)})
	return nil
}
