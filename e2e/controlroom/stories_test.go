package controlroom_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandem-sso/tandem/demo/controlroom"
	"github.com/tandem-sso/tandem/demo/scenario"
	"github.com/tandem-sso/tandem/demo/system"
	"github.com/tandem-sso/tandem/e2e/driver/axe"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
	"github.com/tandem-sso/tandem/e2e/driver/site"
)

// Every story is told by its own button, to the end; all its checks get their
// mark, and the page shows what its text says is to be watched.
func TestEveryStoryOnThePage(t *testing.T) {
	room := start(t)
	for _, one := range scenario.All() {
		t.Run(one.ID, func(t *testing.T) {
			everyStory(t, room, chromium.New(t).Tab(one.ID), one.ID)
		})
	}
	for id := range promises() {
		if _, ok := scenario.Find(id); !ok {
			t.Errorf("a promise of %q, which is no story", id)
		}
	}
}

// The same in Firefox.
func TestEveryStoryInFirefox(t *testing.T) {
	room := start(t)
	for _, one := range scenario.All() {
		t.Run(one.ID, func(t *testing.T) {
			everyStory(t, room, firefox.New(t)(one.ID), one.ID)
		})
	}
}

func everyStory(t *testing.T, room *controlroom.Room, tab site.Tab, id string) {
	t.Helper()
	tab.Go(room.URL())
	tab.Wait(`document.getElementById("tabs").dataset.key`) // the first snapshot is there
	choose(tab, id)
	tab.Click("#quick")
	browser.Eval[bool](tab, recorder)
	play(tab, id)
	told(tab, id)
	shows(t, tab, room.System.Log.Read(0).Events, promises()[id])
	if id == "three-kinds" { // the longest of them
		axe.Check(t, tab)
	}
}

func choose(tab site.Tab, id string) {
	if !browser.Eval[bool](tab, `document.getElementById("picker").open`) {
		tab.Click("#picker summary")
	}
	// The list scrolls within itself; Firefox's driver clicks only what is in sight.
	browser.Eval[bool](tab, `(document.querySelector("[data-story=`+id+`]").scrollIntoView({block: "nearest"}), true)`)
	tab.Click("[data-story=" + id + "]")
	// A click may come just when the page grows, and miss.
	tab.Wait(fmt.Sprintf(`!document.getElementById("story-%[1]s").hidden || `+
		`(document.querySelector("[data-story=%[1]s]").click(), false)`, id))
}

// play presses the button until the story is being told: a click may come just
// when the page grows.
func play(tab site.Tab, id string) {
	begun := fmt.Sprintf(`!document.querySelector("#story-%[1]s [data-tell=stop]").hidden || document.querySelector("#story-%[1]s [data-ok], #story-%[1]s .done, #story-%[1]s [data-trouble]:not(:empty)")`, id)
	for range 3 {
		tab.Click("#story-" + id + " [data-tell=play]")
		if browser.Eval[bool](tab, `(async () => { for (let i = 0; i < 100; i++) { if (`+begun+`) return true; await new Promise(r => setTimeout(r, 50)) } return false })()`) {
			return
		}
	}
	tab.Fail("the story does not begin")
}

// told waits for the last mark. A mark that is not green fails the test at once.
func told(tab site.Tab, id string) {
	css := "#story-" + id
	tab.Wait(fmt.Sprintf(`document.querySelector("%[1]s [data-ok=false], %[1]s [data-trouble]:not(:empty)") || [...document.querySelectorAll("%[1]s [data-check]")].every(c => c.dataset.ok === "true")`, css))
	type mark struct{ Text, OK string }
	if text := browser.Eval[string](tab, fmt.Sprintf(`document.querySelector("%s [data-trouble]").textContent`,
		css)); text != "" {
		tab.Fail("the story stopped: %s", text)
	}
	for _, m := range browser.Eval[[]mark](tab,
		fmt.Sprintf(`[...document.querySelectorAll("%s .check-line")].map(l => ({Text: l.innerText, OK: l.querySelector("[data-check]").dataset.ok}))`, css)) {
		if m.OK != "true" {
			tab.Fail("not so: %s", m.Text)
		}
	}
	tab.Wait(fmt.Sprintf(`document.querySelector("%[1]s [data-tell=play]").textContent === "Play it again" && document.querySelector("%[1]s [data-tell=stop]").hidden`, css))
}

// recorder remembers what the cards have said since the story began (the log was
// cleared then): a ring is seen in passing.
const recorder = `(() => {
	window.said = new Set();
	const before = document.documentElement.dataset.epoch;
	const look = () => {
		if (document.documentElement.dataset.epoch === before) return;
		for (const card of document.querySelectorAll("[data-card]")) {
			const id = card.dataset.card;
			said.add(id + " " + card.dataset.state);
			if (card.dataset.state !== "live") continue;
			for (const ring of card.querySelectorAll("[data-ring]"))
				said.add(id + " " + ring.dataset.ring + ": " + ring.querySelector(".ring-value").textContent + " " + ring.querySelector("figcaption").textContent);
		}
	};
	new MutationObserver(look).observe(document.getElementById("cards"), {subtree: true, childList: true, characterData: true, attributes: true});
	return true;
})()`

// drawn scrolls through the whole timeline, as a person would, and returns the
// events that it shows: by ID, their classes.
const drawn = `(async () => {
	const frame = () => new Promise(requestAnimationFrame);
	const scroll = document.getElementById("scroll"), out = {};
	await frame(); await frame();
	for (scroll.scrollLeft = 0; ; scroll.scrollLeft += scroll.clientWidth) {
		await frame(); await frame();
		for (const g of document.querySelectorAll("#swim .event")) out[g.dataset.id] = g.getAttribute("class");
		if (scroll.scrollLeft + scroll.clientWidth >= scroll.scrollWidth - 1) return out;
	}
})()`

// shows holds the page against the log and against what its text promises.
func shows(t *testing.T, tab site.Tab, log []system.Event, want promise) {
	t.Helper()
	if len(want.events) == 0 {
		t.Fatal("nobody has written down what this story is to show")
	}
	tab.Wait(fmt.Sprintf(`document.querySelector("#list li")?.dataset.id >= %d`, log[len(log)-1].ID))
	seen := browser.Eval[map[int64]string](tab, drawn)
	for _, e := range log {
		if !slices.Contains(strings.Fields(seen[e.ID]), "k-"+string(e.Kind)) {
			t.Errorf("event %d (%s: %s) is on the page as %q", e.ID, e.Kind, e.Title, seen[e.ID])
		}
	}
	var after time.Time
	for _, w := range want.events {
		var found []system.Event
		for _, e := range log {
			if e.Kind == w.kind && e.From == w.from && e.To == w.to && strings.Contains(e.Title, w.title) {
				found = append(found, e)
			}
		}
		if len(found) < w.least || w.most >= 0 && len(found) > w.most {
			t.Errorf("%d × %s %s→%s %q, want %d to %d", len(found), w.kind, w.from, w.to, w.title, w.least, w.most)
			continue
		}
		if w.then && len(found) > 0 {
			last := found[len(found)-1]
			// Reports of the IdP and of the apps arrive side by side; the apps count
			// in whole milliseconds.
			if last.At.Before(after.Add(-time.Millisecond)) {
				t.Errorf("%q comes too early", last.Title)
			}
			after = last.At
		}
	}
	said := browser.Eval[[]string](tab, "[...said]")
	for _, s := range want.said {
		if !slices.ContainsFunc(said, func(got string) bool { return strings.Contains(got, s) }) {
			t.Errorf("no card has said %q, but %q", s, said)
		}
	}
	for _, s := range want.never {
		if slices.ContainsFunc(said, func(got string) bool { return strings.Contains(got, s) }) {
			t.Errorf("a card has said %q", s)
		}
	}
	if t.Failed() {
		for _, e := range log {
			t.Log(e.ID, e.At.Format("15:04:05"), e.Kind, e.From, "→", e.To, e.Title, e.Reason)
		}
	}
}

// Step by step: the ring of the IdP at the moment when Reports is opened. And
// from the beginning again, in the middle.
func TestAStoryStepByStep(t *testing.T) {
	const id = "most-restrictive"
	room := start(t)
	tab := chromium.New(t).Open("room", room.URL())
	tab.WaitText("#cards", "not signed in")
	choose(tab, id)
	step := func(n int) {
		t.Helper()
		tab.Click("#story-" + id + " [data-tell=step]")
		tab.Wait(fmt.Sprintf(`document.querySelectorAll("#story-%s .steps > li.done").length === %d && !document.querySelector("#story-%[1]s .now")`, id, n))
	}
	left := func() int {
		t.Helper()
		tab.WaitText(card("idp")+" [data-state]", "is signed in")
		return browser.Eval[int](tab, `(([m, s]) => 60 * m + +s)(document.querySelector("[data-card=idp] [data-ring=idle] .ring-value").textContent.split(":"))`)
	}
	step(1)
	if got := left(); got < 110 || got > 120 {
		t.Errorf("Notes alone: %d s left, the window is 2 min", got)
	}
	tab.Click("#story-" + id + " [data-tell=again]")
	tab.Wait(fmt.Sprintf(`document.querySelectorAll("#story-%s .done").length === 0`, id))
	tab.WaitText("#cards", "not signed in")
	step(1)
	step(2)
	tab.Wait(`document.querySelector("[data-card=reports]").dataset.state === "live"`)
	if got := left(); got < 20 || got > 40 {
		t.Errorf("with Reports: %d s left, its window is 40 s", got)
	}
	step(3)
	told(tab, id)
	for _, app := range []string{system.Notes, system.Reports} {
		tab.WaitText(card(app), "backchannel_logout")
	}

	tab.Reload() // the story is still there
	told(tab, id)
}

// A story that plays by itself, with its pauses, for the picture.
func TestAStoryInItsTime(t *testing.T) {
	room := start(t)
	tab := chromium.New(t).Open("room", room.URL())
	tab.WaitText("#cards", "not signed in")
	choose(tab, "lost-logout")
	browser.Eval[bool](tab, `(document.getElementById("pace").value = "180", true)`)
	play(tab, "lost-logout")
	told(tab, "lost-logout")
	tab.WaitText(card("notes"), "refresh_rejected")
	tab.Wait(`document.querySelector("[data-card=naive]").offsetParent === null`) // nobody uses it
	shot(tab, "scenario")
}
