package rp_test

import (
	"context"
	"fmt"
	"html/template"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/nethttpadapter"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/pages"
)

// germanTexts are all the words of the library's pages in German. PageTexts has the keys.
var germanTexts = map[string]string{
	"to-login": "Anmelden", "to-login-again": "Neu anmelden", "to-continue": "Weiter", "to-retry": "Noch einmal",
	"to-logout": "Abmelden", "to-another": "Anderes Konto verwenden",

	"login-title":  "Bitte melden Sie sich an.",
	"hidden-title": "Sind Sie noch da?", "hidden": "Sie haben diese Seite eine Weile nicht benutzt, deshalb ist sie " +
		"verborgen.",
	"more-title": "Bitte melden Sie sich noch einmal an.", "more": "Diese Seite braucht eine stärkere oder neuere " +
		"Anmeldung.",
	"denied-title":    "Diese Seite braucht mehr, als Ihre Anmeldung hergibt.",
	"denied":          "Bitte wenden Sie sich an die Betreiber.",
	"forbidden-title": "Sie dürfen diese Seite nicht öffnen.", "forbidden": "Sie sind angemeldet, aber mit diesem " +
		"Konto ist sie nicht erlaubt.",
	"not-taken":  "Was Sie eben gesendet haben, wurde nicht angenommen.",
	"kept":       "Was Sie eben gesendet haben, wartet in diesem Tab: Sie können es danach senden.",
	"send-title": "Jetzt senden?", "send": "Sie sind wieder angemeldet. Was Sie gesendet hatten, wurde nicht " +
		"angenommen.",
	"lost-title":    "Was Sie gesendet hatten, kann nicht noch einmal gesendet werden.",
	"lost":          "Es ist zu lange her, oder jemand anders hat es gesendet, oder Sie haben es schon zurückbekommen.",
	"nothing-title": "Es ist nichts mehr zu senden.", "nothing": "Sie sind angemeldet.",
	"to-send": "Senden", "to-leave": "Nicht senden", "to-look": "Nachsehen, was gesendet wurde",
	"almost-title": "Anmeldung", "almost": "Gleich ist es so weit.",
	"failed-elsewhere": "Dieser Anmeldelink gehört zu einem anderen Anmeldedienst.",

	"ended-title": "Sie sind abgemeldet.", "ended": "Bitte melden Sie sich wieder an.",
	"ended-user_logout":         "Sie haben sich abgemeldet.",
	"ended-idle":                "Sie waren eine Weile nicht aktiv.",
	"ended-inactivity":          "Sie waren eine Weile in keiner Anwendung aktiv.",
	"ended-absolute":            "Sie waren so lange angemeldet, wie es erlaubt ist.",
	"ended-idp_ceiling":         "Sie waren so lange angemeldet, wie es Ihr Anmeldedienst erlaubt.",
	"ended-refresh_rejected":    "Ihr Anmeldedienst hat Ihre Sitzung beendet.",
	"ended-api_unauthorized":    "Ihr Anmeldedienst hat Ihre Sitzung beendet.",
	"ended-backchannel_logout":  "Sie haben sich anderswo abgemeldet, oder Ihr Anmeldedienst hat Ihre Sitzung beendet.",
	"ended-frontchannel_logout": "Sie haben sich anderswo abgemeldet.",
	"ended-replaced":            "In diesem Browser hat sich noch einmal jemand angemeldet.",
	"ended-other_subject":       "In diesem Browser hat sich noch einmal jemand angemeldet.",
	"ended-session_limit":       "Sie haben sich anderswo angemeldet.",
	"ended-admin":               "Ihre Sitzung wurde von dieser Anwendung beendet.",
	"ended-unconfirmed":         "Ihr Anmeldedienst kennt Ihre Sitzung nicht mehr.",
	"quiet":                     "Seit {minutes} Minuten war hier niemand aktiv.",

	"loggedout":     "Sie können diese Seite schließen oder sich wieder anmelden.",
	"leaving-title": "Abmeldung", "leaving": "Diese Anwendung haben Sie verlassen. Als Nächstes kommt der " +
		"Anmeldedienst.",
	"logout-question-title": "Abmelden?", "logout-question": "Ihr Browser sagt nicht, welche Seite das verlangt hat.",

	"outage-title": "Bitte versuchen Sie es gleich noch einmal.", "outage": "Diese Anwendung kann gerade nicht " +
		"antworten.",
	"outage-store": "Diese Anwendung kann gerade nicht nachsehen, wer angemeldet ist. Niemand wurde " +
		"abgemeldet.",
	"outage-idp_unreachable": "Der Anmeldedienst antwortet gerade nicht.",
	"outage-idp":             "Der Anmeldedienst hat gerade ein Problem.",
	"outage-busy":            "Diese Anwendung ist gerade beschäftigt.",
	"still-in":               "Sie sind weiterhin angemeldet.",
	"origin-title":           "Diese Anfrage kam von einer anderen Website.",
	"origin":                 "Bitte gehen Sie zurück und versuchen Sie es aus dieser Anwendung.",
	"setup-title":            "Diese Anwendung ist nicht richtig eingerichtet.",
	"setup":                  "Bitte sagen Sie den Betreibern, dass die Anmeldung sich selbst bewacht.",
	"error-title":            "Etwas ist schiefgegangen.", "error": "Bitte versuchen Sie es noch einmal.",

	"failed":           "Der Anmeldedienst konnte Sie nicht anmelden.",
	"failed-cancelled": "Die Anmeldung wurde abgebrochen oder abgelehnt.",
	"failed-link":      "Dieser Anmeldelink ist nicht gültig.",
	"failed-old":       "Diese Anmeldung wurde nicht in diesem Browser begonnen oder ist zu alt.",
	"failed-done":      "Diese Anmeldung ist schon abgeschlossen.",
	"failed-issuer":    "Die Antwort kam nicht vom erwarteten Anmeldedienst.",
	"failed-code":      "Der Anmeldedienst hat diese Anmeldung nicht angenommen.",
	"failed-client":    "Der Anmeldedienst hat diese Anwendung abgelehnt.",
	"failed-trust":     "Der Antwort des Anmeldedienstes ist nicht zu trauen.",
	"failed-type":      "Die Antwort des Anmeldedienstes passt nicht zu dieser Anwendung.",
	"failed-size":      "Die Antwort des Anmeldedienstes ist zu groß.",
	"failed-over":      "Nach Auskunft des Anmeldedienstes ist Ihre Sitzung schon vorbei.",
	"failed-loggedout": "Sie wurden abgemeldet, während diese Anmeldung lief.",
	"failed-later":     "Die Anmeldung konnte nicht abgeschlossen werden.",
	"failed-account":   "Mit diesem Konto können Sie diese Anwendung nicht benutzen.",
	"failed-subject":   "Der Anmeldedienst sagt zweierlei darüber, wer Sie sind.",
	"failed-profile":   "Der Anmeldedienst sagt dieser Anwendung nicht, wer Sie sind.",
	"advice-app": "Diese Anwendung hat ein Problem. Bitte versuchen Sie es gleich noch einmal, oder sagen Sie " +
		"es den Betreibern.",
	"failed-weak": "Diese Seite braucht eine stärkere Anmeldung.", "advice-weak": "Der Anmeldedienst hat sie nicht " +
		"geleistet. Sie sind angemeldet wie zuvor.",
	"advice-login": "Bitte melden Sie sich wieder an.", "advice-moment": "Bitte versuchen Sie es gleich noch einmal.",
	"advice-tell": "Bitte sagen Sie es den Betreibern.",
}

// The library's own pages speak German to browsers that ask for it, and stand in the
// frame of the app. Its style sheet is a file of this origin: the policy lets no inline
// style in.
func ExampleConfig_pages() {
	world := exampletest.Start()
	defer world.Close()
	frame := template.Must(template.New("frame").Parse(`<!DOCTYPE html>
<html lang="{{.Language}}"><head><title>{{.Title}} – Notes</title><link rel="stylesheet" href="/static/notes.css"></head>
<body><header>Notes</header><main>{{.Body}}</main></body></html>
`))

	config := exampleConfig(world)
	config.Pages = pages.Config{
		Texts: map[string]map[string]string{"de": germanTexts},
		Frame: func(w io.Writer, p pages.Page) error { return frame.Execute(w, p) },
	}
	auth, err := rp.New(context.Background(), config)
	if err != nil {
		log.Fatal(err) // a key that no page shows, a frame that fails
	}
	defer auth.Close()

	mux := http.NewServeMux()
	mux.Handle("/auth/", nethttpadapter.New(auth).Endpoints())
	for _, language := range []string{"de-AT,de;q=0.9", "fr"} {
		r := httptest.NewRequest("GET", "https://notes.example/auth/logged-out", nil)
		r.Header.Set("Accept-Language", language)
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, r)
		_, main, _ := strings.Cut(w.Body.String(), "<main>")
		fmt.Println(w.Header().Get("Content-Language"), strings.TrimSuffix(strings.Split(main, "</main>")[0], "\n"))
	}
	// Output:
	// de <h1>Sie sind abgemeldet.</h1><p>Sie können diese Seite schließen oder sich wieder anmelden.</p><p><a href="/auth/login">Anmelden</a></p>
	// en <h1>You are logged out.</h1><p>You can close this page or log in again.</p><p><a href="/auth/login">Log in</a></p>
}
