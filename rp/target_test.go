package rp_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// A callback that cannot be used leads to the page that the person wanted: at once where
// this browser is logged in, else by one new log-in.
func TestTheWayBack(t *testing.T) {
	const page = "/private?tab=2"
	begin := func(v *visitor) string {
		v.w.Helper()
		return v.authorize(v.start("/auth/login?return_to=" + url.QueryEscape(page)))
	}
	leads := func(w *world, a *reply, to string) {
		w.Helper()
		if a.status != http.StatusSeeOther || a.location() != to {
			w.Errorf("%v, want 303 to %s", a, to)
		}
	}
	again := "/auth/login?return_to=" + url.QueryEscape(page) + "&again=1"
	inBubble(t, setup{idp: patient}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		first := begin(v)
		restored := begin(v) // a tab that is restored later
		leads(w, v.get(first), page)
		leads(w, v.get(first), page) // the Back button, or a callback that was sent twice
		id := v.id()
		time.Sleep(time.Hour) // the restored tab's log-in is over, and the session lives
		leads(w, v.get(restored), page)
		if v.id() != id {
			t.Error("a callback that cannot be used changed the session")
		}
		v.submit("/auth/logout")
		leads(w, v.get(restored), again)
		a := v.get(v.authorize(v.start(again)))
		leads(w, a, page)
		v.expect("live", "")
	})
	// Not for ever: what was started anew is not started anew again.
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		callback := v.authorize(v.start(again))
		time.Sleep(time.Hour)
		if a := v.get(callback); a.status != http.StatusBadRequest ||
			!strings.Contains(a.body, `href="/auth/login?return_to=%2Fprivate%3Ftab%3D2"`) {
			t.Errorf("no page with a way back: %v", a)
		}
	})
	// Another client, and who invents one, gets nowhere.
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		callback := begin(v)
		stranger := w.visitor("eve")
		for _, tail := range []string{"x", "AAAA", strings.Repeat("A", 100), strings.Repeat("A", 2000)} {
			state := query(callback).Get("state")
			for _, forged := range []string{state[:43] + tail, state + tail, tail} {
				if a := stranger.get(edit(callback, set("state", forged))); a.status != http.StatusBadRequest {
					t.Errorf("state %.60q: %v", forged, a)
				}
			}
		}
		if a := stranger.get(edit(callback,
			set("state", query(callback).Get("state")[:43]))); a.status != http.StatusBadRequest {
			t.Errorf("a state without a target: %v", a)
		}
		v.get(callback)
		v.expect("live", "")
	})
}

// What a page shows after a log-in that failed leads to where the person wanted to go.
func TestErrorPagesKeepTheTarget(t *testing.T) {
	inBubble(t, setup{}, func(t *testing.T, w *world) {
		v := w.visitor("ada")
		callback := v.authorize(v.start("/auth/login?return_to=" + url.QueryEscape("/private?tab=2")))
		a := v.get(edit(callback, func(q url.Values) { q.Del("code"); q.Set("error", "access_denied") }))
		if a.status != http.StatusBadRequest ||
			!strings.Contains(a.body, `href="/auth/login?return_to=%2Fprivate%3Ftab%3D2"`) {
			t.Errorf("%v", a)
		}
	})
}
