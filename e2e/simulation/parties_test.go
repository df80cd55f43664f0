package simulation

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/store"
)

// party is a relying party as it is registered: one client of one IdP.
type party struct {
	name   string // of its host, and in the timeline
	client string
	idp    int
	kind   rp.Kind
}

// parties share one store, and in most histories their keys. The last one is a
// client with the same id at another IdP, which knows the same persons.
var parties = [...]party{
	{"notes", "notes", 0, rp.RefreshToken},
	{"cal", "cal", 0, rp.ReferenceToken},
	{"wiki", "wiki", 0, rp.NoToken},
	{"twin", "notes", 1, rp.RefreshToken},
}

// partyOf finds a client of an IdP; -1: it is none of the apps.
func partyOf(idp int, client string) int {
	for i, p := range parties {
		if p.idp == idp && p.client == client {
			return i
		}
	}
	return -1
}

func (p party) url() string { return "https://" + p.name + ".example" }

// owner is how a store knows the party.
func (p party) owner() store.Key { return hash("owner", "https://"+idpHosts[p.idp], p.client) }

// kept is the key of the one record that is no session: what is known of the IdP.
func (p party) kept() store.Key { o := p.owner(); return hash("idp", string(o[:])) }

// hash is SHA-256 over parts, each with its length.
func hash(parts ...string) store.Key {
	h := sha256.New()
	for _, part := range parts {
		_ = binary.Write(h, binary.BigEndian, uint64(len(part)))
		h.Write([]byte(part))
	}
	return store.Key(h.Sum(nil))
}

// nameOf is how the library calls the session of a cookie in its events: part of
// the SHA-256 of the party and the cookie's value.
func (a *app) nameOf(cookie string) string {
	if cookie == "" {
		return ""
	}
	sum := sha256.Sum256(append(a.owner[:len(a.owner):len(a.owner)], cookie...))
	return hex.EncodeToString(sum[:6])
}

// C9: no party serves, ends, lists, claims or reads what another has, and no name
// that one of them uses in the store is used by another.

// names are the names in the store, by who used them first.
type names struct {
	mu sync.Mutex
	of map[store.Key]*app
}

// uses notes that an instance uses names in the store.
func (o *oracle) uses(in *instance, what string, keys ...store.Key) {
	for _, key := range keys {
		o.names.mu.Lock()
		first := o.names.of[key]
		if first == nil {
			o.names.of[key] = in.app
		}
		o.names.mu.Unlock()
		if first != nil && first != in.app {
			o.lock()
			o.breach("C9", "%s uses a %s in the store that is %s's", in.name, what, first.name)
			o.unlock()
		}
	}
}

// owns judges what the store has given to an instance.
func (o *oracle) owns(in *instance, does string, recs ...store.Record) {
	for i := range recs {
		if recs[i].Owner == in.app.owner {
			continue
		}
		o.lock()
		whose := "nobody's"
		if s := o.named(recs[i].Key); s != nil {
			whose = s.label
		}
		o.breach("C9", "%s %s a record that is not its own: %s", in.name, does, whose)
		o.unlock()
	}
}

// judgeStranger holds C9 for a request whose cookie is of no session of this app:
// of none at all, or of one of another app.
func (o *oracle) judgeStranger(v *visit) {
	if name := v.served(); name != "" {
		o.breach("C9", "%s serves a browser that has no session there (%s)", v.in.name, name)
		return
	}
	if v.stranger == nil {
		return
	}
	o.counts["cookies sent to another app"]++
	p := v.problem()
	wrong := func(what string) {
		o.breach("C9", "%s, with a cookie of %s: %s", v.in.name, v.stranger.name, what)
	}
	switch to := v.header.Get("Location"); {
	case v.status == 503 && (v.gaveUp || o.excused(v.in.app, pathStore|pathRestart, v.start, v.end)):
	case v.q.kind == status && p.State != "anonymous":
		wrong("its status is " + p.State)
	case v.q.kind == status:
	case v.q.kind == logout:
		if !strings.HasSuffix(to, "/auth/logged-out") {
			wrong("logging out leads to " + to)
		}
	case v.status == 302 && strings.HasPrefix(to, "/auth/login"):
	case v.status == 401 && (p.Error == "login_required" || v.q.kind == stream):
	default:
		wrong(fmt.Sprint("a ", v.q.kind, " is answered ", v.status, " ", p.Error, " ", to))
	}
}
