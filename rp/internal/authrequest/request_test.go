package authrequest_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"github.com/tandem-sso/tandem/rp/internal/authrequest"
	"github.com/tandem-sso/tandem/rp/internal/dpop"
	"github.com/tandem-sso/tandem/rp/internal/idp"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/seal"
	"github.com/tandem-sso/tandem/rp/internal/site"
	"github.com/tandem-sso/tandem/rp/reason"
)

// place is an IdP as the tests want it, and what a client asks it.
type place struct {
	idp  idp.Config
	meta idp.Metadata
	par  http.HandlerFunc // the endpoint for pushed requests
	q    authrequest.Requests
}

// requests makes the client; left are the names that it was told of.
func requests(t *testing.T, p place) (q *authrequest.Requests, left *[]string) {
	t.Helper()
	p.idp.Issuer, p.idp.ClientID, p.idp.MaxCalls, p.idp.Now = "https://idp.example", "notes", 4, time.Now
	p.idp.Logger = slog.New(slog.NewTextHandler(io.Discard, nil))
	p.idp.HTTP = &http.Client{Transport: roundTrip(func(r *http.Request) *http.Response {
		w := httptest.NewRecorder()
		p.par(w, r)
		return w.Result()
	})}
	if p.meta.AuthURL == "" {
		p.meta.AuthURL = "https://idp.example/authorize"
	}
	p.meta.PARURL = "https://idp.example/par"
	provider := idp.NewProvider(p.idp)
	provider.Use(&p.meta)

	key := bytes.Repeat([]byte{1}, seal.KeySize)
	app, err := site.New("https://notes.example", nil, "/auth", nil)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.NewRing("state", []byte("notes"), key)
	if err != nil {
		t.Fatal(err)
	}
	logins, err := loginflow.New(loginflow.Config{Keys: [][]byte{key}, Owner: []byte("notes"), Ring: ring,
		Cookies: "__Host-tandem", Site: app, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	p.q.IdP, p.q.Logins, p.q.ClientID, left = provider, logins, "notes", new([]string)
	if p.q.Scopes == nil {
		p.q.Scopes = []string{"openid", "profile"}
	}
	p.q.LeftOut = func(name string) { *left = append(*left, name) }
	return &p.q, left
}

type roundTrip func(*http.Request) *http.Response

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

func flow(w loginflow.Wish) *loginflow.Flow {
	return &loginflow.Flow{State: strings.Repeat("A", 43), Nonce: "n-1", Verifier: strings.Repeat("v", 43),
		Mode: idp.Query, RedirectURI: "https://notes.example/auth/callback", ReturnTo: "/x", Wish: w}
}

// query is what a URL asks for, state left out: it is random.
func query(t *testing.T, raw string) url.Values {
	t.Helper()
	u, err := url.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil || u.Host != "idp.example" || u.Path != "/authorize" {
		t.Fatalf("%s: %v", raw, err)
	}
	return q
}

// always is in every request of that flow.
func always() url.Values {
	return url.Values{"client_id": {"notes"}, "response_type": {"code"}, "scope": {"openid profile"}, "nonce": {"n-1"},
		"redirect_uri":          {"https://notes.example/auth/callback"},
		"code_challenge":        {oauth2.S256ChallengeFromVerifier(strings.Repeat("v", 43))},
		"code_challenge_method": {"S256"}}
}

// differs compares a request with what is always in it and that beside.
func differs(t *testing.T, q *authrequest.Requests, raw string, beside url.Values) {
	t.Helper()
	got, want := query(t, raw), always()
	if id, to, ok := q.Logins.ReadState(got.Get("state")); !ok || id != strings.Repeat("A", 43) || to.ReturnTo != "/x" {
		t.Errorf("state leads to %s of %s, %v", to.ReturnTo, id, ok)
	}
	got.Del("state")
	for name, values := range beside {
		want[name] = values
	}
	if got.Encode() != want.Encode() {
		t.Errorf("asks\n%s, not\n%s", got.Encode(), want.Encode())
	}
}

// What a log-in asks for: what every request has, what the client asks of each, and its own
// wishes. The shorter max_age counts, and the parameters of the library are its own.
func TestLogin(t *testing.T) {
	type q = authrequest.Requests
	for name, row := range map[string]struct {
		client q
		wish   loginflow.Wish
		flow   func(*loginflow.Flow)
		want   url.Values
		left   []string
	}{
		"nothing beside": {},
		"the client's parameters": {client: q{Params: map[string]string{"ui_locales": "de"}},
			want: url.Values{"ui_locales": {"de"}}},
		"the log-in's come after them": {client: q{Params: map[string]string{"ui_locales": "de"}},
			wish: loginflow.Wish{Params: map[string]string{"ui_locales": "en", "login_hint": "ada"}},
			want: url.Values{"ui_locales": {"en"}, "login_hint": {"ada"}}},
		"a parameter of the library's": {
			wish: loginflow.Wish{Params: map[string]string{"state": "x", "prompt": "login"}},
			want: url.Values{"prompt": {"login"}}, left: []string{"state"}},
		"one acr": {wish: loginflow.Wish{ACR: []string{"gold"}}, want: url.Values{"acr_values": {"gold"}}},
		"acr": {wish: loginflow.Wish{ACR: []string{"gold", "silver"}},
			want: url.Values{"acr_values": {"gold silver"}}},
		"the client's age": {client: q{MaxAge: time.Hour}, want: url.Values{"max_age": {"3600"}}},
		"the log-in's age": {wish: loginflow.Wish{Age: time.Minute}, want: url.Values{"max_age": {"60"}}},
		"a log-in that asks for a shorter age": {client: q{MaxAge: time.Hour}, wish: loginflow.Wish{Age: time.Minute},
			want: url.Values{"max_age": {"60"}}},
		"a log-in that asks for a longer one": {client: q{MaxAge: time.Minute}, wish: loginflow.Wish{Age: time.Hour},
			want: url.Values{"max_age": {"60"}}},
		"more scopes": {wish: loginflow.Wish{Scopes: []string{"mail"}},
			want: url.Values{"scope": {"openid profile mail"}}},
		"resources (RFC 8707 §2.1)": {client: q{Resources: []string{"https://a.example/x?y", "https://b.example"}},
			want: url.Values{"resource": {"https://a.example/x?y", "https://b.example"}}},
		"the client's own resource": {client: q{Resources: []string{"https://a.example"},
			Params: map[string]string{"resource": "https://c.example"}},
			want: url.Values{"resource": {"https://c.example"}}},
		"the log-in's own resource": {client: q{Resources: []string{"https://a.example"}},
			wish: loginflow.Wish{Params: map[string]string{"resource": "https://c.example"}},
			want: url.Values{"resource": {"https://c.example"}}},
		"another way back": {flow: func(f *loginflow.Flow) { f.Mode = idp.FormPost },
			want: url.Values{"response_mode": {"form_post"}}},
	} {
		t.Run(name, func(t *testing.T) {
			q, left := requests(t, place{q: row.client})
			f := flow(row.wish)
			if row.flow != nil {
				row.flow(f)
			}
			differs(t, q, q.Login(f), row.want)
			if !slices.Equal(*left, row.left) {
				t.Errorf("left out %v, not %v", *left, row.left)
			}
			if want := []string{"openid", "profile"}; !slices.Equal(q.Scopes, want) {
				t.Errorf("the client's scopes have become %v", q.Scopes)
			}
		})
	}
}

// RFC 9449 §10: the code is bound to the key of the tokens.
func TestLoginNamesTheKey(t *testing.T) {
	q, _ := requests(t, place{})
	f := flow(loginflow.Wish{})
	f.DPoP = dpop.NewSeed()
	differs(t, q, q.Login(f), url.Values{"dpop_jkt": {dpop.Of(f.DPoP).Thumbprint()}})
}

// The IdP posts its answer if it was told to, and if it does nothing else.
func TestMode(t *testing.T) {
	for _, row := range []struct {
		wanted string
		taken  []string
		want   string
		posts  bool
	}{
		{"", nil, "query", false},
		{"", []string{"query", "form_post"}, "query", false},
		{"", []string{"fragment"}, "query", false},
		{"", []string{"form_post"}, "form_post", true},
		{"query", []string{"form_post"}, "query", false},
		{"form_post", []string{"query"}, "form_post", true},
		{"jwt", nil, "jwt", false},
		{"form_post.jwt", nil, "form_post.jwt", true},
	} {
		q, _ := requests(t, place{meta: idp.Metadata{ResponseModes: row.taken},
			q: authrequest.Requests{ResponseMode: row.wanted}})
		if got := q.Mode(); got != row.want || q.ByFormPost() != row.posts {
			t.Errorf("%q at one that takes %v: %s, posts %v", row.wanted, row.taken, got, q.ByFormPost())
		}
	}
}

// OpenID Connect Core 1.0 §3.1.2.1: a silent request shows nothing to the person. One that
// only looks asks for openid alone and no API's token; one that renews asks for what the
// log-in did, and no more.
func TestSilent(t *testing.T) {
	client := authrequest.Requests{Resources: []string{"https://a.example"}, MaxAge: time.Minute,
		Params: map[string]string{"ui_locales": "de", "prompt": "login"}}
	base := func(more url.Values) url.Values {
		all := url.Values{"prompt": {"none"}, "ui_locales": {"de"}, "id_token_hint": {"t"}}
		for name, values := range more {
			all[name] = values
		}
		return all
	}
	for name, row := range map[string]struct {
		tokens *loginflow.Wish
		want   url.Values
	}{
		"it looks":  {nil, url.Values{"scope": {"openid"}}},
		"it renews": {&loginflow.Wish{}, url.Values{"resource": {"https://a.example"}}},
		"it renews what a log-in has asked for": {&loginflow.Wish{Scopes: []string{"mail"}, ACR: []string{"gold"}},
			url.Values{"resource": {"https://a.example"}, "scope": {"openid profile mail"}}},
	} {
		t.Run(name, func(t *testing.T) {
			q, _ := requests(t, place{q: client})
			raw := q.Silent(flow(loginflow.Wish{}), authrequest.Subject{IDToken: "t"}, row.tokens)
			differs(t, q, raw, base(row.want))
		})
	}
}

// A hint says whose session is meant. One that makes the URL too long for some IdPs gives way to
// a shorter one, or is left out; pushed, it never does (RFC 9126 §1).
func TestSilentHints(t *testing.T) {
	const most = 2 << 10
	q, _ := requests(t, place{})
	empty := len(q.Silent(flow(loginflow.Wish{}), authrequest.Subject{IDToken: ""}, nil))
	fits, over := strings.Repeat("t", most-empty), strings.Repeat("t", most-empty+1)
	for name, row := range map[string]struct {
		push         bool
		token, login string
		want         url.Values
	}{
		"a token that just fits":       {false, fits, "", url.Values{"id_token_hint": {fits}}},
		"both":                         {false, "t", "ada", url.Values{"id_token_hint": {"t"}, "login_hint": {"ada"}}},
		"both, and only one fits":      {false, fits, "ada", url.Values{"login_hint": {"ada"}}},
		"a token that is too long":     {false, over, "ada", url.Values{"login_hint": {"ada"}}},
		"both too long":                {false, over, strings.Repeat("t", most), nil},
		"too long, and no other":       {false, over, "", nil},
		"too long, but the IdP is not": {true, over, "", url.Values{"id_token_hint": {over}}},
	} {
		t.Run(name, func(t *testing.T) {
			q, _ := requests(t, place{idp: idp.Config{PAR: row.push}})
			want := url.Values{"prompt": {"none"}, "scope": {"openid"}}
			for name, values := range row.want {
				want[name] = values
			}
			about := authrequest.Subject{IDToken: row.token, LoginHint: row.login}
			differs(t, q, q.Silent(flow(loginflow.Wish{}), about, nil), want)
		})
	}
	// A renewal has the resources beside, and they count, too.
	long := authrequest.Requests{Resources: []string{"https://a.example/" + strings.Repeat("x", most)}}
	q, _ = requests(t, place{q: long})
	raw := q.Silent(flow(loginflow.Wish{}), authrequest.Subject{IDToken: "t"}, &loginflow.Wish{})
	differs(t, q, raw, url.Values{"prompt": {"none"}, "resource": long.Resources})
}

// PAR-01: what is pushed does not stand in the address, and no request goes another way than the
// IdP is asked by. An address that has a query of its own keeps it.
func TestSend(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	good := idp.Key{ID: "k", Alg: "ES256", Signer: key}
	for name, row := range map[string]struct {
		at          string
		push, sign  bool
		fetched     bool
		asks, keeps []string
	}{
		"as it is": {at: "https://idp.example/authorize", asks: []string{"nonce", "scope", "state"}},
		"pushed":   {at: "https://idp.example/authorize", push: true, asks: []string{"request_uri"}},
		"pushed, with a query": {at: "https://idp.example/authorize?tenant=a", push: true,
			asks: []string{"request_uri", "tenant"}},
		"signed": {at: "https://idp.example/authorize", sign: true,
			asks: []string{"request", "response_type", "scope"}},
		"signed, with a query": {at: "https://idp.example/authorize?tenant=a", sign: true,
			asks: []string{"request", "response_type", "scope", "tenant"}},
		"fetched": {at: "https://idp.example/authorize", fetched: true,
			asks: []string{"request_uri", "response_type", "scope"}},
		"fetched and signed, with a query": {at: "https://idp.example/authorize?tenant=a", fetched: true, sign: true,
			asks: []string{"request_uri", "response_type", "scope", "tenant"}},
		"signed and pushed": {at: "https://idp.example/authorize", sign: true, push: true,
			asks: []string{"request_uri"}},
	} {
		t.Run(name, func(t *testing.T) {
			var pushed url.Values
			q, _ := requests(t, place{idp: idp.Config{PAR: row.push, JAR: row.sign, Keys: []idp.Key{good}},
				meta: idp.Metadata{AuthURL: row.at}, par: func(w http.ResponseWriter, r *http.Request) {
					_ = r.ParseForm()
					pushed = r.PostForm
					w.WriteHeader(http.StatusCreated)
					_, _ = io.WriteString(w, `{"request_uri":"urn:x"}`)
				}})
			if row.fetched {
				q.References = references(t)
			}
			if !row.push && !row.sign && !row.fetched {
				q.Resources = []string{"https://a.example"} // not in the order of the rest
			}
			whole := q.Login(flow(loginflow.Wish{}))
			to, err := q.Send(t.Context(), whole)
			if err != nil {
				t.Fatal(err)
			}
			got := query(t, to)
			var names []string
			for name := range got {
				names = append(names, name)
			}
			slices.Sort(names)
			want := append([]string{"client_id"}, row.asks...)
			if !row.push && !row.sign && !row.fetched {
				want = []string{"client_id", "code_challenge", "code_challenge_method", "nonce", "redirect_uri",
					"resource", "response_type", "scope", "state"}
				if to != whole {
					t.Errorf("%s has become %s", whole, to)
				}
			}
			if !slices.Equal(names, want) || strings.Count(to, "?") != 1 {
				t.Errorf("the browser asks %s: %v, not %v", to, names, want)
			}
			if (pushed != nil) != row.push || row.push && (got.Get("request_uri") != "urn:x" ||
				(pushed.Get("nonce") == "n-1") == row.sign || pushed.Has("request") != row.sign ||
				pushed.Has("tenant")) {
				t.Errorf("pushed: %v", pushed)
			}
		})
	}
}

// PAR-01: a request that cannot be pushed or signed is not sent in another way.
func TestNotSent(t *testing.T) {
	refuses := func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `{"error":"invalid_request"}`)
	}
	q, _ := requests(t, place{idp: idp.Config{PAR: true}, par: refuses})
	to, err := q.Send(t.Context(), q.Login(flow(loginflow.Wish{})))
	refused := (*authrequest.NotPushedError)(nil)
	if to != "" || !errors.As(err, &refused) || refused.Out.Code != "invalid_request" ||
		err.Error() != refused.Out.Err.Error() || !errors.Is(err, refused.Out.Err) {
		t.Errorf("%q, %v", to, err)
	}

	q, _ = requests(t, place{idp: idp.Config{JAR: true, Keys: []idp.Key{{ID: "k", Alg: "ES256", Signer: locked{}}}}})
	to, err = q.Send(t.Context(), q.Login(flow(loginflow.Wish{})))
	busy := (*reason.UnavailableError)(nil)
	if to != "" || !errors.As(err, &busy) || busy.RetryAfter != time.Second || busy.Cause != reason.Busy ||
		!errors.Is(err, errLocked) {
		t.Errorf("%q, %v", to, err)
	}

	q, _ = requests(t, place{idp: idp.Config{PAR: true}})
	if to, err := q.Send(t.Context(), "https://idp.example/authorize?a=%zz"); to != "" || err == nil {
		t.Errorf("%q, %v", to, err)
	}
}

// locked is a key that signs nothing just now.
type locked struct{}

var errLocked = errors.New("the module is locked")

func (locked) Public() crypto.PublicKey {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	return key.Public()
}

func (locked) Sign(io.Reader, []byte, crypto.SignerOpts) ([]byte, error) { return nil, errLocked }
