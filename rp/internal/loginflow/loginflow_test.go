package loginflow_test

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/tandem-sso/tandem/rp/internal/cookie"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/seal"
	"github.com/tandem-sso/tandem/rp/internal/site"
)

func newKey() []byte {
	key := make([]byte, seal.KeySize)
	_, _ = rand.Read(key)
	return key
}

func loginsOf(t testing.TB, key []byte, owner string) *loginflow.Logins {
	t.Helper()
	app, err := site.New("https://notes.example/app", nil, "/auth", nil)
	if err != nil {
		t.Fatal(err)
	}
	ring, err := seal.NewRing("state", []byte(owner), key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := loginflow.New(loginflow.Config{Keys: [][]byte{key}, Owner: []byte(owner), Ring: ring,
		Cookies: "__Host-tandem", Site: app, Timeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// RFC9700 §4.4: what one client has begun no other one can take up, although both have the
// same keys.
func TestLoginsAreOneClients(t *testing.T) {
	key := newKey()
	mine, others := loginsOf(t, key, "mine"), loginsOf(t, key, "another")
	f := &loginflow.Flow{State: cookie.Random(), Nonce: "n", Verifier: "v", ReturnTo: "/app/x", Mode: "jwt",
		Begun: time.UnixMilli(1e12).UTC(),
		Wish:  loginflow.Wish{ACR: []string{"gold"}}}
	rec := httptest.NewRecorder()
	if err := mine.Save(rec, httptest.NewRequest("GET", "/", nil), f); err != nil {
		t.Fatal(err)
	}
	back := httptest.NewRequest("GET", "/", nil)
	back.Header["Cookie"] = []string{strings.Split(rec.Header().Get("Set-Cookie"), ";")[0]}
	got, ok := mine.Load(back, f.State)
	if !ok || got.State != f.State || got.Mode != "jwt" || got.ReturnTo != f.ReturnTo || !got.Begun.Equal(f.Begun) ||
		got.Wish.Text() != f.Wish.Text() {
		t.Errorf("%v %+v", ok, got)
	}
	if _, ok := others.Load(back, f.State); ok {
		t.Error("another client has taken up the log-in")
	}
	if _, ok := mine.Load(back, f.State[:12]+strings.Repeat("A", 31)); ok {
		t.Error("a state with the same beginning finds the log-in")
	}
	state := mine.State(f.State, f.Target())
	if id, to, ok := mine.ReadState(state); !ok || id != f.State || to.ReturnTo != f.ReturnTo {
		t.Errorf("%v %s %+v", ok, id, to)
	}
	if _, _, ok := others.ReadState(state); ok {
		t.Error("another client reads the state")
	}
}

// FuzzReadState: what this client has not sealed is no state, and never leads out of the app.
func FuzzReadState(f *testing.F) {
	l := loginsOf(f, newKey(), "mine")
	good := l.State(strings.Repeat("A", cookie.IDLen), loginflow.Target{ReturnTo: "/app/x"})
	f.Add(good)
	f.Add("")
	f.Add(strings.Repeat("A", 2000))
	f.Fuzz(func(t *testing.T, sent string) {
		id, to, ok := l.ReadState(sent)
		if len(id) > cookie.IDLen || to.ReturnTo != "" && !strings.HasPrefix(to.ReturnTo, "/app") {
			t.Errorf("%q: %q %+v", sent, id, to)
		}
		if ok && sent[cookie.IDLen:] != good[cookie.IDLen:] {
			t.Errorf("%q is a state", sent)
		}
	})
}

// FuzzOpenWish: what this client has not sealed asks for nothing.
func FuzzOpenWish(f *testing.F) {
	l := loginsOf(f, newKey(), "mine")
	more, _ := l.More(loginflow.Wish{ACR: []string{"gold"}})
	good := strings.TrimPrefix(more, "&wish=")
	state := l.State(strings.Repeat("A", cookie.IDLen), loginflow.Target{ReturnTo: "/app/x"})
	f.Add(good)
	f.Add(state[cookie.IDLen:]) // sealed for something else
	f.Add("")
	f.Fuzz(func(t *testing.T, sealed string) {
		if w := l.OpenWish(sealed); w.IsEmpty() == (sealed == good) {
			t.Errorf("%q: %+v", sealed, w)
		}
	})
}

// FuzzThirdParty: whatever another site writes into the address or the form of a log-in, what
// it leads to is a page of this app.
func FuzzThirdParty(f *testing.F) {
	app, err := site.New("https://notes.example/app", nil, "/auth", nil)
	if err != nil {
		f.Fatal(err)
	}
	third := &loginflow.ThirdParty{Issuer: "https://login.example", Names: []string{"prompt"}, Site: app}
	f.Add("iss=https%3A%2F%2Flogin.example&target_link_uri=https%3A%2F%2Fnotes.example%2Fapp%2Fx&login_hint=ada")
	f.Add("iss=https%3A%2F%2Flogin.example&target_link_uri=https%3A%2F%2Fevil.example%2F&prompt=none")
	f.Add("iss=a&iss=b")
	f.Fuzz(func(t *testing.T, body string) {
		r := httptest.NewRequest(http.MethodPost, "https://notes.example/auth/login", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		form, err := loginflow.Posted(httptest.NewRecorder(), r)
		if err != nil {
			return
		}
		to, err := url.Parse(third.ByGet(form))
		if err != nil || to.Path != "/app/auth/login" || to.Host != "" {
			t.Fatalf("%q leads to %v, %v", body, to, err)
		}
		q, hint, err := third.Read(r, form)
		if err != nil {
			return
		}
		if path := q.Get("return_to"); path != "/app" && !strings.HasPrefix(path, "/app/") &&
			!strings.HasPrefix(path, "/app?") && !strings.HasPrefix(path, "/app#") || len(hint) > 256 {
			t.Errorf("%q leads to %q, hint %q", body, path, hint)
		}
	})
}

// FuzzSessionState: what is kept of session_state is what came, short and without a space (SM-01).
func FuzzSessionState(f *testing.F) {
	f.Add("c0ffee.5a17")
	f.Add("a b")
	f.Add("é\x00")
	f.Fuzz(func(t *testing.T, sent string) {
		got := loginflow.SessionState(url.Values{"session_state": {sent}})
		if got != "" && got != sent || len(got) > 512 || strings.ContainsFunc(got, unicode.IsSpace) {
			t.Errorf("%q of %q", got, sent)
		}
	})
}
