package program

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tandem-sso/tandem/demo/apps"
	"github.com/tandem-sso/tandem/rp"
	"github.com/tandem-sso/tandem/rp/idps"
)

// options are the values of all flags.
type options struct {
	app string

	issuer, clientID, clientSecret string
	listen, baseURL, apiURL        string
	audience                       string
	scopes, store, sealKey         string
	idTokenAlg, like               string
	trustedAudiences, authParams   string
	profile, responseMode          string
	clientKey, clientKeyID         string
	clientCert                     string
	clientAuth, introspectionURL   string
	par, dpop                      bool
	jar, requestURI                bool
	signalEvery, trustFor          time.Duration
	idpWindow, idle, absolute      time.Duration
	trailing, silentCheck          bool
	insecureHTTP, verbose          bool
	diagnose                       bool
	instances                      int
	wait, cache                    time.Duration

	portBase            int
	idpIdle, idpMaximum time.Duration
	tokenLife           time.Duration

	metrics metricsFlag
	measure func(rp.Config) (rp.Config, error) // from the Meter

	given map[string]bool // by flag or environment
}

// known that run alone.
var known = []string{"refreshtoken", "referencetoken", "notoken", "api"}

// Which flags go with which mode: s the three known, a the API, d the whole demo.
var modes = map[string]string{
	"app": "sad", "v": "sad",
	"issuer": "sa", "client-id": "sa", "client-secret": "sa", "listen": "sa", "base-url": "sa", "wait": "sa",
	"insecure-allow-http": "sa",
	"api-url":             "s", "scopes": "s", "store": "sd", "instances": "sd", "seal-key": "s", "id-token-alg": "s",
	"like": "sd", "idp-window": "s",
	"signal-every": "sd", "trust-for": "sd", "idle": "sd", "absolute": "sd", "trailing": "sd", "silent-check": "sd",
	"trusted-audiences": "s", "auth-params": "s", "profile": "s", "response-mode": "s", "par": "s", "dpop": "s",
	"jar": "s", "request-uri": "s",
	"client-key": "sa", "client-key-id": "sa", "client-cert": "sa", "client-auth": "sa", "introspection-url": "a",
	"diagnose":         "s",
	"metrics":          "sd",
	"cache":            "ad",
	"audience":         "a",
	"listen-port-base": "d", "idp-idle": "d", "idp-absolute": "d", "token-life": "d",
}

func (o *options) flags(out io.Writer) *flag.FlagSet {
	f := flag.NewFlagSet("demo", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.app, "app", "", "run one program alone: "+strings.Join(known, ", ")+" (default: the whole demo)")

	f.StringVar(&o.issuer, "issuer", "", "issuer identifier of the IdP")
	f.StringVar(&o.clientID, "client-id", "", "id under which the IdP knows this program")
	f.StringVar(&o.clientSecret, "client-secret", "", "its secret; empty for a public client. Better in "+
		"TANDEM_CLIENT_SECRET: others can read a command line")
	f.StringVar(&o.listen, "listen", "", "address to listen on; port 0 picks one (default 127.0.0.1: 9101 "+
		"refreshtoken, 9102 referencetoken, 9103 notoken, 9200 api)")
	f.StringVar(&o.baseURL, "base-url", "", "the program as browsers see it (default http:// and the address)")
	f.StringVar(&o.apiURL, "api-url", "", "base URL of the API that /call-api calls")
	f.StringVar(&o.scopes, "scopes", "", `scopes to ask for, with spaces between (default "openid profile"; refreshtoken adds offline_access if the IdP lists it, except Keycloak)`)
	f.StringVar(&o.store, "store", "memory", "where sessions are kept: memory, bolt:FILE, redis://HOST:PORT/DB or "+
		"postgres://…")
	f.IntVar(&o.instances, "instances", 1, "run each app as so many instances, which share the store and take turns "+
		"in serving")
	f.StringVar(&o.sealKey, "seal-key", "", "64 hexadecimal digits that seal sessions and cookies (default: random)")
	f.StringVar(&o.idTokenAlg, "id-token-alg", "RS256", "signature algorithm that the IdP was told to use")
	f.StringVar(&o.trustedAudiences, "trusted-audiences", "", "other audiences that the IdP puts into ID tokens "+
		"beside this client (ZITADEL: the project), with spaces between")
	f.StringVar(&o.authParams, "auth-params", "",
		`more parameters of the authorization request, as in a query: "audience=https://api.example.com&prompt=consent"`)
	f.StringVar(&o.profile, "profile", "", "fapi2 or fapi2-message-signing: what FAPI 2.0 demands of a client, with "+
		"-client-key")
	f.StringVar(&o.responseMode, "response-mode", "", "how the IdP answers a log-in: query, form_post, jwt, "+
		"query.jwt or form_post.jwt")
	f.BoolVar(&o.par, "par", false, "push authorization requests")
	f.BoolVar(&o.jar, "jar", false, "sign authorization requests, with -client-key (JAR)")
	f.BoolVar(&o.requestURI, "request-uri", false, "let the IdP fetch authorization requests from this program, which "+
		"it has to reach (request_uri)")
	f.BoolVar(&o.dpop, "dpop", false, "bind access tokens to a key (DPoP)")
	f.StringVar(&o.clientKey, "client-key", "", "PEM `file` of a private key, which this program shows instead of a "+
		"secret (private_key_jwt); the IdP reads an app's public half at /auth/jwks")
	f.StringVar(&o.clientKeyID, "client-key-id", "", "name of that key at the IdP (kid)")
	f.StringVar(&o.clientCert, "client-cert", "", "PEM `file` of the certificate of -client-key, which this program "+
		"shows instead (mTLS): tls_client_auth, or what -client-auth says")
	f.StringVar(&o.clientAuth, "client-auth", "", "method of client authentication, such as client_secret_post "+
		"(default: by what is given, and what the IdP takes)")
	f.StringVar(&o.introspectionURL, "introspection-url", "", "api: the introspection endpoint, where the IdP's "+
		"discovery document does not name it (Hydra: the admin port)")
	f.StringVar(&o.like, "like", "", "what the IdP honours: "+strings.Join(idps.Names(), ", ")+" (default: guessed "+
		"from the issuer). Whole demo: the provider that its IdP behaves like (default: one that honours everything)")
	f.DurationVar(&o.signalEvery, "signal-every", 0, "how often activity is reported to the IdP at the most "+
		"(default: the library's choice, a fifth of the IdP's window where that is known)")
	f.DurationVar(&o.trustFor, "trust-for", 5*time.Minute, "how long one confirmation of the IdP is trusted")
	f.DurationVar(&o.idpWindow, "idp-window", 0, "the IdP's idle window, if it does not say so itself")
	f.DurationVar(&o.idle, "idle", 0, "idle limit of this app alone (default 0: the IdP decides)")
	f.DurationVar(&o.absolute, "absolute", 8*time.Hour, "longest session")
	f.BoolVar(&o.trailing, "trailing", false, "report the last activity, too")
	f.BoolVar(&o.silentCheck, "silent-check", false, "confirm sessions by prompt=none where tokens cannot")
	f.DurationVar(&o.wait, "wait", 0, "how long to wait for an IdP that cannot be reached yet")
	f.BoolVar(&o.diagnose, "diagnose", false, "say what this IdP and these settings will do to sessions, and stop")
	f.BoolVar(&o.insecureHTTP, "insecure-allow-http", false, "allow http beyond loopback")
	f.Var(&o.metrics, "metrics", "serve metrics to a Prometheus at "+usualMetrics+", or at another address: "+
		"-metrics=HOST:PORT. What collects them is built first, from a clone")
	f.BoolVar(&o.verbose, "v", false, "log what happens to sessions")

	f.StringVar(&o.audience, "audience", "", "api: names of this API, with spaces between; a token has to have one "+
		"of them in its aud (default: any token of the IdP is taken)")
	f.DurationVar(&o.cache, "cache", 0, "api: how long an introspection is used again (default 0: never)")

	f.IntVar(&o.portBase, "listen-port-base", 0, "whole demo: first of eight ports; 0 picks free ones (default 9000, "+
		"or free ones if those are taken)")
	f.DurationVar(&o.idpIdle, "idp-idle", 2*time.Minute, "whole demo: the IdP's idle window; 0: the default")
	f.DurationVar(&o.idpMaximum, "idp-absolute", time.Hour, "whole demo: the IdP's longest session")
	f.DurationVar(&o.tokenLife, "token-life", time.Minute, "whole demo: lifetime of access tokens")
	f.Usage = func() {
		_, _ = fmt.Fprint(out, usage)
		f.PrintDefaults()
	}
	return f
}

const usage = `Usage:
  go run ./demo                  the whole demo
  go run ./demo -instances 2     the same, each app as two instances behind a tiny load balancer
  go run ./demo -metrics         the same, and metrics at http://127.0.0.1:9464/metrics
  go run ./demo -app NAME -issuer URL -client-id ID …
                                 one program alone, against any IdP

Every flag has an environment twin, such as TANDEM_CLIENT_SECRET.

`

// twin is the environment variable of a flag.
func twin(name string) string {
	return "TANDEM_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// parse reads the flags, and the environment for those that are not given.
func parse(args []string, getenv func(string) string, stderr io.Writer) (*options, error) {
	o := &options{}
	f := o.flags(stderr)
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	if f.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q: flags start with -", f.Arg(0))
	}
	given := map[string]bool{}
	o.given = given
	f.Visit(func(g *flag.Flag) { given[g.Name] = true })
	var faults []error
	var fromEnv []string // may be there for several programs
	f.VisitAll(func(g *flag.Flag) {
		v := getenv(twin(g.Name))
		if v == "" || given[g.Name] {
			return
		}
		if err := g.Value.Set(v); err != nil {
			faults = append(faults, fmt.Errorf("%s: not a value for -%s", twin(g.Name), g.Name)) // v may be a secret
		}
		fromEnv = append(fromEnv, g.Name)
	})
	if err := errors.Join(faults...); err != nil {
		return nil, err
	}
	if o.app != "" && !slices.Contains(known, o.app) {
		return nil, &apps.FlagError{Flag: "app",
			Cure: fmt.Sprintf("is %q; use one of %s, or leave it out for the whole demo", o.app,
				strings.Join(known, ", "))}
	}
	for name := range given {
		if !strings.Contains(modes[name], o.mode()) {
			_, _ = fmt.Fprintf(stderr, "note: -%s has no effect %s\n", name,
				map[string]string{"s": "on an app", "a": "on the API", "d": "without -app"}[o.mode()])
		}
	}
	for _, name := range fromEnv {
		given[name] = true
	}
	return o, o.check()
}

func (o *options) mode() string {
	switch o.app {
	case "":
		return "d"
	case "api":
		return "a"
	}
	return "s"
}

// check finds what the libraries cannot know.
func (o *options) check() error {
	var faults []error
	for name, d := range map[string]time.Duration{
		"signal-every": o.signalEvery, "trust-for": o.trustFor, "idp-window": o.idpWindow, "idle": o.idle,
		"wait": o.wait, "cache": o.cache,
		"idp-idle": o.idpIdle, "idp-absolute": o.idpMaximum, "token-life": o.tokenLife,
	} {
		if d < 0 {
			faults = append(faults, &apps.FlagError{Flag: name,
				Cure: "is negative; use a positive duration such as 30s"})
		}
	}
	if _, err := o.loginParams(); err != nil {
		faults = append(faults, err)
	}
	if o.instances < 1 || o.instances > apps.MaxInstances {
		faults = append(faults, &apps.FlagError{Flag: "instances", Cure: fmt.Sprintf("is %d; use 1 to %d", o.instances,
			apps.MaxInstances)})
	}
	if o.portBase < 0 || o.portBase > 65000 {
		faults = append(faults, &apps.FlagError{Flag: "listen-port-base",
			Cure: "is not a port; use a number up to 65000"})
	}
	slices.SortFunc(faults, func(a, b error) int { return strings.Compare(a.Error(), b.Error()) })
	return errors.Join(faults...)
}

// loginParams are those of -auth-params.
func (o *options) loginParams() (map[string]string, error) {
	query, err := url.ParseQuery(o.authParams)
	if err != nil { // its text repeats the value
		return nil, &apps.FlagError{Flag: "auth-params",
			Cure: `is no query; write it as "name=value&other=value", with %26 for & in a value`}
	}
	params := map[string]string{}
	for name, values := range query {
		if name == "" || len(values) > 1 {
			return nil, &apps.FlagError{Flag: "auth-params", Cure: fmt.Sprintf("has %q %d times; use each name once",
				name, len(values))}
		}
		params[name] = values[0]
	}
	return params, nil
}
