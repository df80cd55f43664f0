package rp_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/idp-mock/idpmock"
	"github.com/tandem-sso/tandem/internal/exampletest"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/activity"
	"github.com/tandem-sso/tandem/rp/event"
	"github.com/tandem-sso/tandem/rp/idps"
)

// A support tool ends all sessions of a person at this app; who is let in by the
// IdP may log in again.
func ExampleRelyingParty_EndSessions() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, nil, welcome)
	defer auth.Close()
	world.Person("ada").Visit("/")
	world.Person("ada").Visit("/")
	world.Person("bob").Visit("/")

	n, err := auth.EndSessions(context.Background(), rp.Whose{Subject: "ada"})
	fmt.Println(n, err)
	// Output: 2 <nil>
}

// Revoke is for orders from elsewhere: it says who asked and why, and spares
// whoever has logged in since.
func ExampleRelyingParty_EndSessions_order() {
	world := exampletest.Start()
	defer world.Close()
	ended := make(chan event.End, 1)
	auth := startNotes(world, func(c *rp.Config) { c.Events.End = func(e event.End) { ended <- e } }, welcome)
	defer auth.Close()
	world.Person("ada").Visit("/")

	n, err := auth.EndSessions(context.Background(), rp.Whose{Subject: "ada", BegunBy: time.Now(),
		Detail: "HR: left the company"})
	fmt.Println(n, err)
	e := <-ended
	fmt.Println(e.Subject, e.Reason, e.Detail)
	// Output:
	// 1 <nil>
	// ada admin HR: left the company
}

// Once keeps what may be done one time only to that, over all instances.
func ExampleRelyingParty_Once() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, nil, welcome)
	defer auth.Close()
	for range 2 {
		first, err := auth.Once(context.Background(), "coupon 4711", time.Now().Add(time.Hour))
		fmt.Println(first, err)
	}
	// Output:
	// true <nil>
	// false <nil>
}

// Diagnose says beforehand what does not fit between an app and its IdP.
func ExampleDiagnose() {
	world := exampletest.Start()
	defer world.Close()
	config := exampleConfig(world)
	auth0, _ := idps.Named("auth0") // its tokens do not follow its session
	config.Capabilities = &auth0
	findings, err := rp.Diagnose(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range findings {
		if f.Serious {
			fmt.Println(f.Code)
		}
	}
	// Output:
	// no_signal
	// no_logout_on_expiry
}

// An IdP under a name of its own is not recognized: what it honours is set by hand.
func ExampleCapabilities() {
	fmt.Println(idps.Guess("https://notes.eu.auth0.com/").Name)
	fmt.Println(idps.Guess("https://login.example.com").Name)

	ours, _ := idps.Named("keycloak")
	ours.Extends.Userinfo = true // as measured at this one
	config := rp.Config{Capabilities: &ours}
	fmt.Println(config.Capabilities.Name, config.Capabilities.Extends)
	fmt.Println("revoking a refresh token takes along", config.Capabilities.Revocation)
	// Output:
	// auth0
	// unverified
	// keycloak {true true false}
	// revoking a refresh token takes along everything that this client has in the same session of the IdP
}

// To roll keys, the new one comes in front; the old one goes when Config.Absolute
// has passed. Where several instances share a store, the new key first goes to all
// of them in the last place.
func ExampleParseKeys() {
	fresh, old := strings.Repeat("0f", 32), strings.Repeat("e1", 32) // openssl rand -hex 32
	keys, err := rp.ParseKeys(fresh + "," + old)
	fmt.Println(len(keys), keys, err)
	_, err = rp.ParseKeys(fresh + ",too short")
	fmt.Println(err)
	// Output:
	// 2 [redacted] <nil>
	// rp: key 2 is not 64 hexadecimal digits (make one with: openssl rand -hex 32)
}

// Classify says which requests are a person's doing, where the route or the page's
// own header cannot.
func ExampleConfig_classify() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, func(c *rp.Config) {
		c.Classify = func(r *http.Request) (activity.Class, bool) {
			return activity.Passive, strings.HasPrefix(r.URL.Path, "/poll/")
		}
	}, func(*rp.RelyingParty) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, rp.FromContext(r.Context()).Class())
		}
	})
	defer auth.Close()
	ada := world.Person("ada")
	fmt.Println(ada.Visit("/notes"))
	fmt.Println(ada.Visit("/poll/news"))
	// Output:
	// active
	// passive
}

// A client without tokens keeps its people signed in, and learns of the end, by
// visits to the IdP that nobody sees.
func ExampleConfig_silentCheck() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, func(c *rp.Config) {
		c.Kind, c.SilentCheck = rp.NoToken, true
		c.Events.Signal = func(e event.Signal) { fmt.Println(e.How, e.Verdict) }
		c.Now = world.IDP.Now
	}, welcome)
	defer auth.Close()
	ada := world.Person("ada")
	fmt.Println(ada.Visit("/"))
	world.IDP.Advance(6 * time.Minute) // longer than Config.TrustFor
	fmt.Println(ada.Visit("/"))
	// Output:
	// welcome
	// prompt=none ok
	// welcome
}

// MassLogout is told when the IdP refuses the tokens of many at once; with
// MassLogoutPause those who come next are kept until somebody has had a look.
func ExampleConfig_massLogout() {
	world := exampletest.Start()
	defer world.Close()
	auth := startNotes(world, func(c *rp.Config) {
		c.MassLogoutPause = 10 * time.Minute
		c.Events.MassLogout = func(e event.MassLogout) {
			fmt.Println(e.Rejected, "of", e.Asked, "refused; who comes next is kept for", e.Paused)
		}
		c.Now = world.IDP.Now
	}, welcome)
	defer auth.Close()
	var people []*exampletest.Person
	for i := range 20 {
		people = append(people, world.Person(fmt.Sprint("person ", i)))
		people[i].Visit("/")
	}
	world.IDP.Advance(6 * time.Minute) // longer than Config.TrustFor
	world.IDP.Fault(idpmock.Fault{Endpoint: idpmock.EndpointRefresh, Error: "invalid_grant", Times: idpmock.Always})
	for _, p := range people {
		p.Visit("/")
	}
	// Output: 20 of 20 refused; who comes next is kept for 10m0s
}
