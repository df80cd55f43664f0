package site

import (
	"net/http"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// App is an app with all its host names.
type App struct {
	path      string // of every name; a proxy removes it. Empty: none
	prefix    string // of the library's endpoints, as the app sees it
	main      *Name
	more      map[string]*Name // the other names, by host and port
	strangers strangers
}

// New makes an App from its URL, its other URLs, the prefix of the library's endpoints, and the
// other trusted origins. The caller has checked them: see CheckBase, CheckFurther, IsPlainPath. An
// error is about one of the origins.
func New(base string, further []string, prefix string, trusted []string) (*App, error) {
	a := &App{path: PathOf(base), prefix: prefix, more: map[string]*Name{}}
	for i, base := range append([]string{base}, further...) {
		one, err := newName(base, trusted)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			a.main = one
		} else if one.own != a.main.own {
			_, host, _ := strings.Cut(one.own, "://")
			a.more[host] = one
		}
	}
	return a, nil
}

// Of returns the name to which a request was sent. If that name is not configured, Of returns the
// first name, because a proxy may have changed it.
func (a *App) Of(r *http.Request) *Name {
	one, _ := a.named(r.Host)
	return one
}

func (a *App) named(host string) (_ *Name, known bool) {
	if one := a.more[host]; one != nil { // without allocation: browsers send this form
		return one, true
	}
	if len(a.more) == 0 {
		return a.main, false
	}
	scheme, _, _ := strings.Cut(a.main.own, "://")
	_, plain, _ := strings.Cut(weburl.Origin(scheme+"://"+host), "://")
	if one := a.more[plain]; one != nil {
		return one, true
	}
	return a.main, false
}
