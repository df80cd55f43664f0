package site

import (
	"net/http"
	"strings"

	"github.com/tandem-sso/tandem/rp/internal/weburl"
)

// App is an app, under all its names.
type App struct {
	path      string // of each name, which a proxy takes away. Empty: none
	prefix    string // of the library's endpoints, as the app sees it
	main      *Name
	more      map[string]*Name // further ones, by host and port
	strangers strangers
}

// New makes an App of its URL, further ones, the prefix of the library's endpoints, and the
// origins that are trusted beside. They were checked: see CheckBase, CheckFurther, IsPlainPath.
// Its error is about one of the origins.
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

// Of is the name that a request was made to. One that nobody has configured is taken for the
// first: a proxy may have put it there.
func (a *App) Of(r *http.Request) *Name {
	one, _ := a.named(r.Host)
	return one
}

func (a *App) named(host string) (_ *Name, known bool) {
	if one := a.more[host]; one != nil { // without allocation: browsers write it so
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
