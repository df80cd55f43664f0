package site

import "strings"

// Attack is what somebody may try who can put content into a page, but no script, so
// that the page stays readable under the cover. Some need the app's own script, which
// means no harm.
type Attack struct {
	Name    string
	Content string // the first thing in the body
	Click   string // selector of what the person clicks while the session lives
	Before  string // JavaScript of the app, while the session lives
	While   string // the same, whenever the page is covered
	After   string // the same, after the end
}

// Attacks are all we know of.
func Attacks() []Attack {
	attacks := []Attack{
		{Name: "every name of document", Content: `<script src="/clobber.js" data-what="document"></script>`},
		{Name: "every name of window", Content: `<script src="/clobber.js" data-what="window"></script>`},
		{Name: "every name of a form", Content: `<script src="/clobber.js" data-what="forms"></script>`},
	}
	for _, name := range []string{"querySelectorAll", "createElement", "addEventListener", "documentElement",
		"adoptedStyleSheets"} {
		attacks = append(attacks, Attack{Name: "document." + name, Content: `<img name="` + name + `" alt="">`})
	}
	return append(append(append(attacks, elements...), styles...), layers...)
}

// Elements that are not what they seem to be.
var elements = []Attack{
	{Name: "kept form.elements", Content: `<form data-tandem-keep><input name="elements"></form>`},
	{Name: "kept form of SVG", Content: `<svg width="1" height="1"><form data-tandem-keep></form></svg>`},
	{Name: "private form.remove", Content: `<form data-tandem-private><input name="remove"> Lovelace</form>`},
	{Name: "private form.contains", Content: `<form data-tandem-private><input name="contains"> Lovelace</form>`},
	{Name: "element of SVG", Content: `<svg width="1" height="1"><tandem-session></tandem-session></svg>`},
	{Name: "element with a shadow tree", Content: `<tandem-session><template shadowrootmode="closed">mine</template></tandem-session>`},
	{Name: "element that is not shown", Content: `<div hidden><tandem-session></tandem-session></div>`},
	{Name: "element that is skipped", Content: `<div style="content-visibility:hidden"><tandem-session></tandem-session></div>`},
	{Name: "element that goes away", Content: `<style>.wrap{transition:display .2s allow-discrete}html:not([data-tandem=live]) .wrap{display:none}` + show + `</style>
		<div class="wrap"><tandem-session></tandem-session></div>`,
		While: `new Promise(done => setTimeout(done, 500))`},
}

// show makes visible what is not private, by rules that are stronger than one for all
// elements.
const show = `#shown#shown,#toast#toast,#own#own{visibility:visible!important}`

// Style sheets.
var styles = []Attack{
	style("visible", ``),
	style("visible, in a layer", `@layer x{`+show+`}`),
	style("element not shown", `tandem-session,body tandem-session{display:none!important}`),
	style("element not visible", `#x#x,tandem-session:not(#x){visibility:hidden!important;opacity:0!important}`),
	style("element skipped", `tandem-session{display:block!important;content-visibility:hidden!important}`),
	style("cover not shown", `tandem-session::part(cover){display:none!important}`),
	style("cover not visible", `tandem-session::part(cover){visibility:hidden!important}`),
	style("cover transparent, small, elsewhere and clipped", `tandem-session::part(cover){opacity:0!important;
		width:1px!important;height:1px!important;min-height:0!important;inset:auto!important;transform:translate(-300vw)!important;
		clip-path:inset(50%)!important;mask:linear-gradient(transparent,transparent)!important;content-visibility:hidden!important}`),
	style("no backdrop", `tandem-session::part(cover){background:transparent!important}
		tandem-session::part(cover)::backdrop,::backdrop{display:none!important;background:transparent!important;opacity:0!important}`),
	style("transparent colours", `html,tandem-session{--tandem-cover:transparent!important;--tandem-background:transparent!important}`),
	style("slow cover", `tandem-session::part(cover){transition:all 1000s allow-discrete!important;opacity:.01}
		tandem-session{transition:all 1000s allow-discrete!important}`),
	style("cover fades away", `@keyframes away{to{opacity:0;background:transparent;display:none;visibility:hidden}}
		tandem-session,tandem-session::part(cover),::backdrop{animation:away .1s forwards!important}`),
	style("everything fades", `html:not([data-tandem=live]){opacity:.9;transform:scale(.2);perspective:1px;contain:paint;clip-path:inset(40%)}`),
	{Name: "style: slow page", Content: `<style>*{transition:all 1000s allow-discrete!important}</style>`, While: `(() => {
		if (getComputedStyle(shown).visibility !== "hidden") throw new Error("the page takes its time to hide")
	})()`},
}

func style(name, css string) Attack {
	return Attack{Name: "style: " + name, Content: "<style>" + css + show + "</style>"}
}

const shown = "<style>" + show + "</style>"

// Layers above the cover, and what takes the cover away.
var layers = []Attack{
	{Name: "popover before", Content: shown, Before: `toast.showPopover()`},
	{Name: "modal dialog before", Content: shown, Before: `own.showModal()`},
	{Name: "full screen before", Content: shown, Click: "#full",
		Before: `eyes.until(() => document.fullscreenElement)`},
	{Name: "full screen after", Content: shown, Click: "#later", While: `eyes.until(() => document.fullscreenElement)`},
	{Name: "popover after", Content: shown, While: `(toast.hidePopover(), toast.showPopover())`},
	{Name: "modal dialog after", Content: shown, While: `(own.close(), own.showModal())`},
	{Name: "modal dialog after, not visible", While: `(own.close(), own.showModal())`},
	{Name: "modal dialog after, in a shadow tree", Content: shown, While: `(() => {
		const own = document.createElement("dialog")
		const home = document.createElement("div")
		home.attachShadow({mode: "open"}).append(own)
		document.body.append(home)
		own.showModal()
		// What a browser does when the pointer moves there (measured in chromium).
		document.documentElement.dispatchEvent(new PointerEvent("pointermove", {bubbles: true}))
	})()`},
	{Name: "cover taken away", Content: shown, While: `eyes.all("tandem-session").forEach(e => e.remove())`},
	{Name: "document built anew", Content: shown, After: `(() => {
		const body = document.createElement("body")
		body.append(Object.assign(document.createElement("p"), {id: "shown", textContent: "new", style: "background:#f0f;height:10rem"}))
		document.documentElement.replaceChildren(document.createElement("head"), body)
	})()`},
	{Name: "everything private", Before: `(document.documentElement.dataset.tandemPrivate = "")`},
	{Name: "handler that throws", Before: `(addEventListener("error", e => e.preventDefault()),
		import("/auth/session.js").then(m => { m.session.onended = () => { throw new Error("of the app") } }))`},
	{Name: "observer that throws", Before: `(addEventListener("error", e => e.preventDefault()),
		new MutationObserver(() => { throw new Error("of the app") }).observe(document, {subtree: true, childList: true, attributes: true}))`},
}

// attacked is a page with the content of an attack. What is magenta may be seen while
// the session lives; what is private must be gone after the end.
func attacked(content string) string {
	return strings.Replace(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Notes of Lovelace</title>
<script type="module" src="/auth/session.js"></script><script type="module" src="/eyes.js"></script></head>
<body>{content}<tandem-session></tandem-session>
<main><h1>Notes</h1><p data-tandem-private>Lovelace</p>
<p id="shown" style="background:#f0f;height:10rem">shown</p><button id="full" type="button">Full screen</button><button id="later" type="button">Later</button>
<form id="note" data-tandem-keep data-tandem-private><textarea name="text"></textarea></form>
<div id="toast" popover="manual" style="background:#f0f">toast</div>
<dialog id="own" style="background:#f0f">own</dialog></main></body></html>`, "{content}", content, 1)
}
