package control

import (
	"cmp"
	_ "embed"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
)

//go:embed openapi.json
var openAPIDocument []byte

func (a *api) openAPI(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(openAPIDocument)
	return err
}

func (a *api) listSessions(w http.ResponseWriter, r *http.Request) error {
	all := a.idp.Sessions()
	if sub := r.URL.Query().Get("sub"); sub != "" {
		all = slices.DeleteFunc(all, func(s idpmock.Session) bool { return s.Subject != sub })
	}
	return okJSON(w, all)
}

func (a *api) showSession(w http.ResponseWriter, r *http.Request) error {
	s, err := a.idp.Session(r.PathValue("sid"))
	if err != nil {
		return err
	}
	return okJSON(w, s)
}

func (a *api) extendSession(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Client string `json:"client"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	s, err := a.idp.Extend(r.PathValue("sid"), in.Client)
	if err != nil {
		return err
	}
	return okJSON(w, s)
}

func (a *api) deleteSession(w http.ResponseWriter, r *http.Request) error {
	if err := a.idp.EndSession(r.PathValue("sid")); err != nil {
		return err
	}
	return noContent(w)
}

func (a *api) deleteUserSessions(w http.ResponseWriter, r *http.Request) error {
	return okJSON(w, map[string]int{"ended": a.idp.EndUser(r.PathValue("sub"))})
}

// maxBrowsers bounds how many browsers the control API remembers.
const maxBrowsers = 1000

// authorizeForTest is [idpmock.Browser.Authorize] for programs in other languages.
func (a *api) authorizeForTest(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		User    string `json:"user"`
		URL     string `json:"url"`
		Browser string `json:"browser"` // a name that the caller picks; same name, same cookies
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if in.User == "" || in.URL == "" {
		return invalid("user and url are needed")
	}
	b := a.namedBrowser(in.Browser, in.User)
	if b == nil {
		return invalid("there are too many named browsers")
	}
	callback, err := b.Authorize(r.Context(), in.URL)
	if err != nil {
		return invalid(err.Error())
	}
	return okJSON(w, map[string]string{"callback": callback})
}

func (a *api) namedBrowser(name, user string) *idpmock.Browser {
	if name == "" {
		return a.idp.Browser(user)
	}
	a.mu.Lock()
	b := a.browsers[name]
	full := len(a.browsers) >= maxBrowsers
	a.mu.Unlock()
	if b == nil {
		if full {
			return nil
		}
		b = a.idp.Browser(user)
		a.mu.Lock()
		a.browsers[name] = b
		a.mu.Unlock()
	}
	return b.As(user)
}

func (a *api) listClients(w http.ResponseWriter, r *http.Request) error {
	return okJSON(w, a.idp.Config().Clients)
}

func (a *api) putClient(w http.ResponseWriter, r *http.Request) error {
	c := idpmock.Client{ID: r.PathValue("id")}
	all := a.idp.Config().Clients
	if i := indexOf(all, c.ID); i >= 0 {
		c = all[i] // fields that are absent keep their value
	}
	if err := readJSON(r, &c); err != nil {
		return err
	}
	if c.ID != r.PathValue("id") {
		return invalid("id differs from the path's")
	}
	if err := a.idp.SetClient(c); err != nil {
		return invalid(err.Error())
	}
	return okJSON(w, c)
}

func indexOf(all []idpmock.Client, id string) int {
	return slices.IndexFunc(all, func(c idpmock.Client) bool { return c.ID == id })
}

func (a *api) deleteClient(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if indexOf(a.idp.Config().Clients, id) < 0 {
		return idpmock.ErrUnknownClient
	}
	if err := a.idp.Update(func(c *idpmock.Config) {
		c.Clients = slices.DeleteFunc(c.Clients, func(c idpmock.Client) bool { return c.ID == id })
	}); err != nil {
		return err
	}
	return noContent(w)
}

func (a *api) showConfig(w http.ResponseWriter, r *http.Request) error {
	return okJSON(w, a.idp.Config())
}

func (a *api) patchConfig(w http.ResponseWriter, r *http.Request) error {
	body, err := readAll(r)
	if err != nil {
		return err
	}
	if len(body) > 0 {
		var wrong error
		if err := a.idp.Update(func(c *idpmock.Config) {
			wrong = json.Unmarshal(body, c)
		}); wrong != nil || err != nil {
			return invalid(cmp.Or(wrong, err).Error())
		}
	}
	return a.showConfig(w, r)
}

func (a *api) listRequests(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	all := slices.DeleteFunc(a.idp.Requests(), func(one idpmock.Request) bool {
		return !idpmock.Endpoint(q.Get("endpoint")).Covers(one.Endpoint) || q.Get("client") != "" &&
			q.Get("client") != one.Client
	})
	if n, err := strconv.Atoi(q.Get("limit")); err == nil && n >= 0 && n < len(all) {
		all = all[len(all)-n:]
	}
	return okJSON(w, all)
}

func (a *api) deleteRequests(w http.ResponseWriter, r *http.Request) error {
	a.idp.ResetRequests()
	return noContent(w)
}

func (a *api) listCounts(w http.ResponseWriter, r *http.Request) error {
	return okJSON(w, a.idp.Counts())
}

func (a *api) listEvents(w http.ResponseWriter, r *http.Request) error {
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		return a.sendEvents(w, r)
	}
	return okJSON(w, a.idp.Events())
}

func (a *api) deleteConsent(w http.ResponseWriter, r *http.Request) error {
	n, err := a.idp.RevokeConsent(r.PathValue("sub"), r.PathValue("client"))
	if err != nil {
		return err
	}
	return okJSON(w, map[string]int{"sessions": n})
}
