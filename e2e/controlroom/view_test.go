package controlroom_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/tandem-sso/tandem/demo/scenario"
	"github.com/tandem-sso/tandem/e2e/driver/axe"
	"github.com/tandem-sso/tandem/e2e/driver/browser"
)

// outside names what of the page lies outside the window: an element that is shown, and of
// which a part cannot be seen without scrolling.
func outside(tab *browser.Tab, css ...string) []string {
	return browser.Eval[[]string](tab, fmt.Sprintf(`%s.flatMap(css => {
		const all = [...document.querySelectorAll(css)].filter(e => e.checkVisibility());
		if (!all.length) return [css + " is not there"];
		return all.map(e => [e, e.getBoundingClientRect()])
			.filter(([e, r]) => {
				const within = e.closest(".steps")?.getBoundingClientRect() ?? {top: 0, bottom: innerHeight};
				return r.top < within.top - 1 || r.left < -1 || r.bottom > within.bottom + 1 || r.right > innerWidth + 1;
			})
			.map(([e, r]) => css + " " + (e.dataset.card ?? "") + ": " + Math.round(r.top) + " to " + Math.round(r.bottom) + " of " + innerHeight);
	})`, "["+quoted(css)+"]"))
}

// overlaps names what can be pressed and lies over another.
func overlaps(tab *browser.Tab, css string) []string {
	return browser.Eval[[]string](tab, fmt.Sprintf(`(() => {
		const all = [...document.querySelectorAll(%q)].filter(e => e.checkVisibility());
		const over = (a, b) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 1;
		return all.flatMap((a, i) => all.slice(i + 1).filter(b => over(a.getBoundingClientRect(), b.getBoundingClientRect()))
			.map(b => a.textContent.trim() + " lies over " + b.textContent.trim()));
	})()`, css))
}

func quoted(css []string) string {
	var out []string
	for _, one := range css {
		out = append(out, browser.Quote(one))
	}
	return strings.Join(out, ",")
}

// What a story tells people to watch is in the window, on a laptop, while and after every
// step: nobody scrolls.
func TestAStoryIsInView(t *testing.T) {
	room := start(t)
	// the most steps, the most cards, and the most words on them
	for _, id := range []string{"three-kinds", "refresh-race", "entra-silent"} {
		tab := chromium.New(t).Open(id, room.URL())
		tab.WaitText("#cards", "not signed in")
		tab.Resize(1280, 720)
		look(tab, id+"-before")
		choose(tab, id)
		css := "#story-" + id
		for n := 1; ; n++ {
			tab.Wait(fmt.Sprintf(`!document.querySelector("%[1]s .now") && document.querySelectorAll("%[1]s .done").length === %d`, css, n-1))
			if browser.Eval[bool](tab, fmt.Sprintf(`document.querySelector("%s [data-tell=step]").hidden`, css)) {
				break
			}
			tab.Click(css + " [data-tell=step]")
			tab.Wait(fmt.Sprintf(`document.querySelectorAll("%s .steps > li")[%d].matches(".current")`, css, n-1))
			for _, size := range [][2]int64{{1440, 900}, {1280, 720}} {
				tab.Resize(size[0], size[1])
				browser.Eval[bool](tab, `new Promise(r => requestAnimationFrame(() => requestAnimationFrame(() => r(true))))`)
				shown := []string{css + " h2", css + " .current", "[data-card]", "#scroll", "#details", "#pace"}
				for _, fault := range outside(tab, shown...) {
					t.Errorf("%s, step %d, %d × %d: %s", id, n, size[0], size[1], fault)
				}
				look(tab, fmt.Sprintf("%s-%d-%d", id, n, size[0]))
				if n == 1 { // the list can be opened in the middle of a story
					tab.Click("#picker summary")
					for _, fault := range overlaps(tab, "#stories :is(button, select, summary)") {
						t.Errorf("%s, the list is open, %d × %d: %s", id, size[0], size[1], fault)
					}
					look(tab, fmt.Sprintf("%s-list-%d", id, size[0]))
					tab.Click("#picker summary")
				}
			}
			tab.Wait(fmt.Sprintf(`document.querySelectorAll("%s .done").length === %d`, css, n))
			for _, fault := range outside(tab, css+" .current", css+" .tell button", "[data-card]", "#scroll") {
				t.Errorf("%s, after step %d: %s", id, n, fault)
			}
		}
		told(tab, id)
		look(tab, id+"-over-1440")
		axe.Check(t, tab)

		// A phone: the step stays, one card at a time.
		tab.Resize(390, 844)
		tab.Click(css + " [data-tell=next]")
		tab.Wait(`document.querySelector(".story:not([hidden]) .current")`)
		look(tab, id+"-phone")
		if !browser.Eval[bool](tab, fmt.Sprintf(
			`[...document.querySelectorAll("%s .steps > li")].every((li, i) => li.value === i + 1)`, css)) {
			t.Errorf("%s: a phone shows one step, and would number it 1", id)
		}
		for _, card := range []string{"notes", "idp"} {
			tab.Click("[data-pick=" + card + "]")
			if got := browser.Eval[string](tab,
				`[...document.querySelectorAll("[data-card]")].filter(e => e.checkVisibility()).map(e => e.dataset.card).join()`); got != card {
				t.Errorf("the phone shows the cards %q, want %s", got, card)
			}
		}
		browser.Eval[bool](tab, `(document.getElementById("details").scrollIntoView({block: "end"}), true)`)
		for _, fault := range outside(tab, ".story:not([hidden]) .current", "#scroll") {
			t.Errorf("%s on a phone: %s", id, fault)
		}
		look(tab, id+"-phone-down")
	}
}

// Before it begins, every story's words leave room for its steps and buttons: nothing lies over
// anything, on the smallest laptop. On a phone its buttons are in view.
func TestEveryStoryFitsBeforeItBegins(t *testing.T) {
	room := start(t)
	tab := chromium.New(t).Open("room", room.URL())
	tab.WaitText("#cards", "not signed in")
	// 1280 × 620 is what is left beneath a tall browser bar.
	for _, size := range [][2]int64{{390, 844}, {1280, 620}, {1280, 720}, {1440, 900}} {
		tab.Resize(size[0], size[1])
		for _, one := range scenario.All() {
			choose(tab, one.ID)
			css := "#story-" + one.ID
			shown := []string{css + " h2", css + " .tell button", "#leave"}
			phone := size[0] == 390
			if !phone {
				shown = append(shown, "#pace")
			}
			for _, fault := range outside(tab, shown...) {
				t.Errorf("%s, %d × %d: %s", one.ID, size[0], size[1], fault)
			}
			if phone {
				continue
			}
			if over := browser.Eval[float64](tab,
				fmt.Sprintf(`document.querySelector("%s .tell").getBoundingClientRect().bottom - document.querySelector(".pace").getBoundingClientRect().top`, css)); over > 0 {
				t.Errorf("%s, %d × %d: the buttons are %.0f px over what is below them", one.ID, size[0], size[1], over)
			}
			if size[1] == 720 {
				look(tab, one.ID+"-chosen")
			}
		}
	}
}

// look is a picture of the window in light and dark, for a person to look at; TANDEM_LOOK is
// the directory.
func look(tab *browser.Tab, name string) {
	dir := os.Getenv("TANDEM_LOOK")
	if dir == "" {
		return
	}
	for _, scheme := range []string{"dark", "light"} {
		prefer(tab, scheme)
		png := browser.Act(tab, "take a picture", chromedp.CaptureScreenshot())
		if err := os.WriteFile(filepath.Join(dir, name+"-"+scheme+".png"), png, 0o644); err != nil {
			tab.Fail("%v", err)
		}
	}
}

// The keyboard: two skips to the cards, not a walk through everything, and the space bar
// tells the next step.
func TestTheRoomByKeyboard(t *testing.T) {
	room := start(t)
	tab := chromium.New(t).Open("room", room.URL())
	tab.Click("[data-do=sign-in][data-user=ada]")
	tab.WaitText(card("notes"), "is signed in")
	tab.Reload()
	tab.WaitText(card("notes"), "is signed in")
	press := func(key string) { t.Helper(); browser.Act(tab, "press a key", chromedp.KeyEvent(key)) }
	focus := func() string {
		t.Helper()
		return browser.Eval[string](tab, `document.activeElement.closest("section, body").id + ": " + document.activeElement.textContent`)
	}
	var skips []string
	for range 6 {
		press(kb.Tab)
		skips = append(skips, strings.TrimPrefix(focus(), ": Skip to "))
	}
	if got := strings.Join(skips, ", "); got != "the story, the sessions, the timeline, clock and faults, the "+
		"comparison, your own IdP" {
		t.Errorf("one can skip to %s", got)
	}
	tab.Reload()
	tab.WaitText(card("notes"), "is signed in")
	press(kb.Tab)
	press(kb.Tab)
	press(kb.Enter)
	press(kb.Tab)
	if got := focus(); got != "cards: End it here" {
		t.Errorf("after four keys the focus is on %q, want the first button of a card", got)
	}

	choose(tab, "logout")
	// The server's answer to an order comes after the snapshot that the order changed: a
	// button between the two is not dead, it is disabled.
	browser.Eval[bool](tab, `(fetch = ((get) => async (...what) => {
		const answer = await get(...what);
		return new Promise((done) => setTimeout(() => done(answer), 300));
	})(fetch), true)`)
	browser.Eval[bool](tab, `(document.activeElement.blur(), true)`)
	tab.Click("#story-logout h2") // the focus is nowhere
	for n := 1; n <= 2; n++ {
		tab.Wait(`!document.querySelector("#story-logout [data-tell=step]").disabled`) // the story is set up
		press(" ")
		tab.Wait(fmt.Sprintf(`document.querySelectorAll("#story-logout .done").length === %d && !document.querySelector("#story-logout .now")`, n))
	}
	told(tab, "logout")
	if got := browser.Eval[string](tab, `document.getElementById("story-said").textContent`); !strings.HasPrefix(got,
		"Step 2 of 2. She presses") {
		t.Errorf("a screen reader hears %q", got)
	}
	tab.Click("#story-logout [data-tell=back]") // told anew up to the first step
	tab.Wait(`document.querySelectorAll("#story-logout .done").length === 1 && !document.querySelector("#story-logout .now")`)
	tab.WaitText(card("wiki"), "Ada is signed in")
	tab.Wait(`document.activeElement.dataset.tell === "back"`) // a button keeps the focus while the server works
}
