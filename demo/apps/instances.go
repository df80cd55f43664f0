package apps

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync/atomic"

	"github.com/tandem-sso/tandem/rp"
)

// MaxInstances bounds Config.Instances.
const MaxInstances = 16

// InstanceHeader says which instance has served a request, where there are several.
const InstanceHeader = "Tandem-Demo-Instance"

// roundRobin is a tiny load balancer: each request goes to the next instance,
// whoever sends it. Nothing sticks, so that whatever an instance knows alone shows.
func roundRobin(instances []http.Handler) http.Handler {
	if len(instances) == 1 {
		return instances[0]
	}
	var turn atomic.Uint64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i := (turn.Add(1) - 1) % uint64(len(instances))
		w.Header().Set(InstanceHeader, strconv.FormatUint(i+1, 10))
		instances[i].ServeHTTP(w, r)
	})
}

// Instances tells how many there are.
func (a *App) Instances() int { return len(a.stores) }

func (a *App) asInstances() string {
	if len(a.stores) == 1 {
		return ""
	}
	return fmt.Sprintf(", as %d instances", len(a.stores))
}

func closeAll(all []*rp.RelyingParty) (err error) {
	for _, p := range all {
		err = errors.Join(err, p.Close())
	}
	return err
}
