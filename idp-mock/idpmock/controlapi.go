package idpmock

import (
	_ "embed"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

//go:embed openapi.json
var openAPIDocument []byte

func (p *IDP) openAPI(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Content-Type", "application/json")
	_, err := w.Write(openAPIDocument)
	return err
}

func (p *IDP) listSessions(w http.ResponseWriter, r *http.Request) error {
	all := p.Sessions()
	if sub := r.URL.Query().Get("sub"); sub != "" {
		all = slices.DeleteFunc(all, func(s Session) bool { return s.Subject != sub })
	}
	return okJSON(w, all)
}

func (p *IDP) showSession(w http.ResponseWriter, r *http.Request) error {
	s, err := p.Session(r.PathValue("sid"))
	if err != nil {
		return err
	}
	return okJSON(w, s)
}

func (p *IDP) extendSession(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Client string `json:"client"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	s, err := p.Extend(r.PathValue("sid"), in.Client)
	if err != nil {
		return err
	}
	return okJSON(w, s)
}

func (p *IDP) deleteSession(w http.ResponseWriter, r *http.Request) error {
	if err := p.EndSession(r.PathValue("sid")); err != nil {
		return err
	}
	return noContent(w)
}

func (p *IDP) deleteUserSessions(w http.ResponseWriter, r *http.Request) error {
	return okJSON(w, map[string]int{"ended": p.EndUser(r.PathValue("sub"))})
}

// maxBrowsers bounds how many browsers the control API remembers.
const maxBrowsers = 1000

// authorizeForTest is [Browser.Authorize] for programs in other languages.
func (p *IDP) authorizeForTest(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		User    string `json:"user"`
		URL     string `json:"url"`
		Browser string `json:"browser"` // a name that the caller picks; same name, same cookies
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if in.User == "" || in.URL == "" {
		return errInvalidRequest("user and url are needed")
	}
	b := p.namedBrowser(in.Browser, in.User)
	if b == nil {
		return errInvalidRequest("there are too many named browsers")
	}
	callback, err := b.Authorize(r.Context(), in.URL)
	if err != nil {
		return errInvalidRequest(err.Error())
	}
	return okJSON(w, map[string]string{"callback": callback})
}

func (p *IDP) namedBrowser(name, user string) *Browser {
	if name == "" {
		return p.Browser(user)
	}
	p.mu.Lock()
	b := p.browsers[name]
	full := len(p.browsers) >= maxBrowsers
	p.mu.Unlock()
	if b == nil {
		if full {
			return nil
		}
		b = p.Browser(user)
		p.mu.Lock()
		p.browsers[name] = b
		p.mu.Unlock()
	}
	return b.As(user)
}

func (p *IDP) listClients(w http.ResponseWriter, r *http.Request) error {
	return okJSON(w, p.settings().Clients)
}

func (p *IDP) putClient(w http.ResponseWriter, r *http.Request) error {
	c := Client{ID: r.PathValue("id")}
	if old := p.settings().clients[c.ID]; old != nil {
		c = *old // fields that are absent keep their value
	}
	if err := readJSON(r, &c); err != nil {
		return err
	}
	if c.ID != r.PathValue("id") {
		return errInvalidRequest("id differs from the path's")
	}
	if err := p.SetClient(c); err != nil {
		return errInvalidRequest(err.Error())
	}
	return okJSON(w, c)
}

func (p *IDP) deleteClient(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	if p.settings().clients[id] == nil {
		return ErrUnknownClient
	}
	if err := p.Update(func(c *Config) {
		c.Clients = slices.DeleteFunc(c.Clients, func(c Client) bool { return c.ID == id })
	}); err != nil {
		return err
	}
	return noContent(w)
}

func (p *IDP) showConfig(w http.ResponseWriter, r *http.Request) error {
	return okJSON(w, settingsJSON(p.settings().Config))
}

func (p *IDP) patchConfig(w http.ResponseWriter, r *http.Request) error {
	var in configJSON
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if err := p.Update(in.apply); err != nil {
		return errInvalidRequest(err.Error())
	}
	return p.showConfig(w, r)
}

func (p *IDP) showClock(w http.ResponseWriter, r *http.Request) error {
	return okJSON(w, map[string]any{"now": p.Now(), "advanced": duration(p.offset.Load())})
}

// maxAdvance at a time, so that no clock overflows by a slip.
const maxAdvance = 10 * 365 * 24 * time.Hour

func (p *IDP) advanceClock(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		By duration `json:"by"`
	}
	if err := readJSON(r, &in); err != nil {
		return err
	}
	if in.By <= 0 || time.Duration(in.By) > maxAdvance {
		return errInvalidRequest(`by must be positive and at most ten years, such as {"by":"16m"}: time does not run backwards`)
	}
	p.Advance(time.Duration(in.By))
	return p.showClock(w, r)
}

func (p *IDP) listRequests(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	all := slices.DeleteFunc(p.Requests(), func(one Request) bool {
		return !Endpoint(q.Get("endpoint")).covers(one.Endpoint) || q.Get("client") != "" && q.Get("client") != one.Client
	})
	if n, err := strconv.Atoi(q.Get("limit")); err == nil && n >= 0 && n < len(all) {
		all = all[len(all)-n:]
	}
	return okJSON(w, all)
}

func (p *IDP) deleteRequests(w http.ResponseWriter, r *http.Request) error {
	p.ResetRequests()
	return noContent(w)
}

// count is how often a client has called an endpoint.
type count struct {
	Endpoint Endpoint `json:"endpoint"`
	Client   string   `json:"client,omitempty"`
	Count    int      `json:"count"`
}

func (p *IDP) listCounts(w http.ResponseWriter, r *http.Request) error {
	p.journal.mu.Lock()
	out := make([]count, 0, len(p.journal.counts))
	for c, n := range p.journal.counts {
		out = append(out, count{c.endpoint, c.client, n})
	}
	p.journal.mu.Unlock()
	slices.SortFunc(out, func(a, b count) int {
		return strings.Compare(string(a.Endpoint)+"\x00"+a.Client, string(b.Endpoint)+"\x00"+b.Client)
	})
	return okJSON(w, out)
}

func (p *IDP) listEvents(w http.ResponseWriter, r *http.Request) error {
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		return p.sendEvents(w, r)
	}
	return okJSON(w, p.Events())
}
