package idpmock

import (
	"html/template"
	"net/url"

	"github.com/tandem-sso/tandem/idp-mock/internal/look"
)

const postScript = `document.forms[0].submit()`

// contentPolicy admits our inline style and script by hash, and the empty icon that
// keeps browsers from asking for one (Firefox holds icons against the policy). There is no
// form-action: browsers hold the redirect to the client against it.
var contentPolicy = "default-src 'none'; img-src data:; style-src " + look.Hash(look.Style) + "; script-src " +
	look.Hash(postScript) + "; frame-ancestors 'none'; base-uri 'none'"

func page(body string) *template.Template {
	return template.Must(template.New("").Parse(`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{block "title" .}}{{.Title}}{{end}}</title><link rel="icon" href="data:,"><style>` + look.Style + `</style></head><body><main>` + body + `</main></body></html>`))
}

type loginData struct {
	Title, Action, Tx, Client, Username, Current, Error string
	Users                                               []User
}

func (p *IDP) loginPage(cfg *settings, tx string, a *authRequest) loginData {
	return loginData{Title: "Sign in", Action: p.path + PathLogin, Tx: tx, Client: a.client.ID, Username: a.loginHint,
		Users: cfg.Users}
}

var loginTemplate = page(`
<h1>Sign in</h1>
<p>to continue to <strong>{{.Client}}</strong></p>
{{with .Error}}<p class="alert" role="alert" id="error">{{.}}</p>{{end}}
<form method="post" action="{{.Action}}">
<input type="hidden" name="tx" value="{{.Tx}}">
{{with .Current}}<button class="main" name="action" value="continue" formnovalidate>Continue as {{.}}</button>
<p class="or">Or sign in as somebody else:</p>{{end}}
<label for="username">User name</label>
<input id="username" name="username" value="{{.Username}}" required autofocus autocomplete="username" autocapitalize="none" spellcheck="false" list="users"{{if .Error}} aria-invalid="true" aria-describedby="error"{{end}}>
{{with .Users}}<datalist id="users">{{range .}}<option value="{{.Username}}">{{.Name}}</option>{{end}}</datalist>{{end}}
<label for="password">Password <span class="hint">(only if this user has one)</span></label>
<input id="password" name="password" type="password" autocomplete="current-password">
<button class="main" id="signin" name="action" value="signin">Sign in</button>
<button name="action" value="cancel" formnovalidate>Cancel</button>
</form>`)

type messagePage struct{ Title, Text, Code string }

var errorTemplate = page(`
<h1>{{.Title}}</h1>
<p class="alert" role="alert">{{.Text}}</p>
{{with .Code}}<p class="hint">{{.}}</p>{{end}}`)

var messageTemplate = page(`
<h1>{{.Title}}</h1>
<p role="status">{{.Text}}</p>`)

type formPostPage struct {
	Title, Action string
	Fields        url.Values
}

var formPostTemplate = page(`
<h1>{{.Title}}</h1>
<form method="post" action="{{.Action}}">
{{range $name, $values := .Fields}}{{range $values}}<input type="hidden" name="{{$name}}" value="{{.}}">{{end}}{{end}}
<noscript><button class="main">Continue</button></noscript>
</form><script>` + postScript + `</script>`)

type confirmPage struct{ Title, Action, Tx, Username string }

var confirmTemplate = page(`
<h1>Sign out?</h1>
<p>{{with .Username}}You are signed in as <strong>{{.}}</strong>.{{else}}An application asks to sign you out.{{end}}</p>
<form method="post" action="{{.Action}}">
<input type="hidden" name="tx" value="{{.Tx}}">
<button class="main" name="action" value="signout">Sign out</button>
<button name="action" value="stay">Stay signed in</button>
</form>`)
