package authrequest_test

import (
	"bytes"
	"maps"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/rp/internal/authrequest"
	"github.com/tandem-sso/tandem/rp/internal/loginflow"
	"github.com/tandem-sso/tandem/rp/internal/seal"
)

func references(t testing.TB) *authrequest.References {
	t.Helper()
	ring, err := seal.NewRing("state", []byte("notes"), bytes.Repeat([]byte{1}, seal.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	return &authrequest.References{At: "https://notes.example/auth/request", ClientID: "notes", Ring: ring,
		Owner: []byte("notes"), Timeout: time.Minute, Now: time.Now}
}

func sealedIn(t testing.TB, uri string) string {
	t.Helper()
	at, sealed, ok := strings.Cut(uri, "?r=")
	if !ok || at != "https://notes.example/auth/request" || url.QueryEscape(sealed) != sealed {
		t.Fatalf("%s", uri)
	}
	return sealed
}

// What is named is what is opened, whatever the names are, and an ordinary log-in has an address that IdPs take.
func TestReferences(t *testing.T) {
	q := references(t)
	for name, params := range map[string]url.Values{
		"nothing":  {},
		"a log-in": {"response_type": {"code"}, "scope": {"openid"}, "state": {"x"}, "dpop_jkt": {"j"}},
		"the app's parameters": {"b": {"1"}, "t": {"2"}, ".t": {"3"}, "": {"4"}, "ui_locales": {"de"},
			"resource": {"https://a.example", "https://b.example"}, "claims": {`{"a":"&=%"}`}},
	} {
		uri, _ := q.Name(params)
		got, ok := q.Open(sealedIn(t, uri))
		want := maps.Clone(params)
		want.Set("client_id", "notes")
		if !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, %v", name, got, ok)
		}
	}
	r, _ := requests(t, place{})
	r.References, r.Scopes = q, []string{"openid", "profile", "email", "offline_access"}
	to, err := r.Send(t.Context(), r.Login(flow(loginflow.Wish{})))
	if uri := query(t, to).Get("request_uri"); err != nil || uri == "" || len(uri) > 500 {
		t.Errorf("%d characters: %s, %v", len(uri), to, err)
	}
	for n := range 600 { // the limit itself
		uri, fits := q.Name(url.Values{"state": {strings.Repeat("x", n)}})
		if fits != (len(uri) <= 512) {
			t.Fatalf("%d characters, fits: %v", len(uri), fits)
		}
	}
}

// An address is good for the time of a log-in.
func TestReferencesGrowOld(t *testing.T) {
	q, now := references(t), time.Unix(1_800_000_000, 0)
	q.Now = func() time.Time { return now }
	uri, _ := q.Name(url.Values{"state": {"x"}})
	for after, want := range map[time.Duration]bool{-time.Minute: true, 0: true, time.Minute: true,
		time.Minute + time.Second: false, 1000 * time.Hour: false} {
		q.Now = func() time.Time { return now.Add(after) }
		if _, ok := q.Open(sealedIn(t, uri)); ok != want {
			t.Errorf("after %v: %v", after, ok)
		}
	}
}

// Whatever comes, only what this client has sealed for this purpose is opened.
func FuzzReferences(f *testing.F) {
	q := references(f)
	q.Now = func() time.Time { return time.Unix(1_800_000_000, 0) }
	uri, _ := q.Name(url.Values{"state": {"x"}, "nonce": {"n"}})
	good := sealedIn(f, uri)
	other := *q
	other.Owner = []byte("photos")
	theirs, _ := other.Name(url.Values{"state": {"x"}})
	for _, seed := range []string{"", good, good[:20], good + "A", sealedIn(f, theirs), strings.Repeat("A", 9000),
		"AQ", "%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, r string) {
		params, ok := q.Open(r)
		if r == good && !ok || ok != (params != nil) {
			t.Errorf("%q: %v, %v", r, params, ok)
		}
		// The fuzzing engine has several processes, each of which seals good anew.
		if ok && !reflect.DeepEqual(params, url.Values{"client_id": {"notes"}, "state": {"x"}, "nonce": {"n"}}) {
			t.Errorf("%q: %v", r, params)
		}
	})
}
