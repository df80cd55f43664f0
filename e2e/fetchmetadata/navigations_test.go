package fetchmetadata

import "github.com/tandem-sso/tandem/e2e/driver/browser"

const link = `<a id="a" href="{own}/target">go</a>`

// navigations are what a person does.
var navigations = []*scenario{
	{what: "an address typed into the address bar", who: person, start: "nowhere",
		do: func(p *play) { p.driver.Address(p.tab, p.url("target")) }},
	{what: "a bookmark", who: person, start: "nowhere", do: func(p *play) {
		p.driver.Bookmark(p.tab, p.url("target"))
	}},
	{what: "a click on a link", who: person, files: html(link), do: clicks("#a")},
	{what: "a click on a link to a new tab", who: person, files: html(`<a id="a" href="target" target="_blank">go</a>`),
		do: clicks("#a")},
	{what: "a click on a link with a text fragment", who: person,
		files: html(`<a id="a" href="target#:~:text=go">go</a>`), do: clicks("#a")},
	{what: "a click on a link of a sibling origin", who: person, from: sibling, files: html(link), do: clicks("#a")},
	{what: "a click on a link of another site", who: person, from: other, files: html(link), do: clicks("#a")},
	{what: "a click on a link of another site with no referrer", who: person, from: other,
		files: html(`<meta name="referrer" content="no-referrer">` + link), do: clicks("#a")},
	{what: "a click, and a redirect of the own origin", who: person, files: html(`<a id="a" href="to?target">go</a>`),
		do: clicks("#a")},
	{what: "a click, and redirects to another site and back", who: person,
		files: html(`<a id="a" href="to?{other}/to?{own}/target">go</a>`), do: clicks("#a")},
	{what: "a typed address, and redirects to another site and back", who: person, start: "nowhere",
		do: func(p *play) { p.driver.Address(p.tab, p.server.expand(p.id, "{own}/to?{other}/to?{own}/target")) }},
	{what: "a log-in form posted at another site, and a redirect back", who: person, from: other,
		files: html(`<form method="post" action="to?{own}/target"><button id="a">log in</button></form>`),
		do:    clicks("#a")},
	{what: "a click, and another site that posts a form back by script", who: unclear,
		files: map[string]string{"page": `<a id="a" href="{other}/post">go</a>`,
			"post": `<form method="post" action="{own}/target"></form><script>document.forms[0].submit()</script>`},
		do: clicks("#a")},
	{what: "a click, and another site that posts a form back by script, and a redirect", who: unclear,
		files: map[string]string{"page": `<a id="a" href="{other}/post">go</a>`,
			"post": `<form method="post" action="{own}/to?target"></form><script>document.forms[0].submit()</script>`},
		do: clicks("#a")},
	{what: "a form with GET, sent by a click", who: person,
		files: html(`<form action="target"><button id="a">send</button></form>`), do: clicks("#a")},
	{what: "a form with POST, sent by a click", who: person,
		files: html(`<form method="post" action="target"><button id="a">send</button></form>`), do: clicks("#a")},
	{what: "a form with POST, sent with Enter", who: person,
		files: html(`<form method="post" action="target"><input id="a" name="a"></form>`),
		do:    func(p *play) { p.Type("#a", "x\r") }},
	{what: "a form with POST on a page with no referrer, sent by a click", who: person,
		files: html(`<meta name="referrer" content="no-referrer"><form method="post" action="target"><button id="a">send</button></form>`), do: clicks("#a")},
	{what: "a form with POST of another site, sent by a click", who: person, from: other,
		files: html(`<form method="post" action="{own}/target"><button id="a">send</button></form>`), do: clicks("#a")},
	{what: "a person's reload of a page that a link opened", who: person, files: html(link), nth: 2, do: func(p *play) {
		p.Click("#a")
		p.arrived("target")
		p.driver.Reload(p.tab)
	}},
	{what: "a person's reload of a page that a timer opened", who: person,
		files: timer("", `location.assign("target")`), nth: 2, do: func(p *play) {
			p.arrived("target")
			p.driver.Reload(p.tab)
		}},
	{what: "a person's Back to a page that a timer opened", who: person, nth: 2,
		files: map[string]string{"page": timer("", `location.assign("target")`)["page"],
			"target": `<script>onunload = () => {}</script><a id="a" href="next">next</a>`},
		do: func(p *play) {
			p.arrived("target")
			p.Click("#a")
			p.arrived("next")
			p.driver.Back(p.tab)
		}},
	{what: "a person's Back to a page that a link opened", who: person, nth: 2,
		files: map[string]string{"page": link,
			"target": `<script>onunload = () => {}</script><a id="a" href="next">next</a>`},
		do: func(p *play) {
			p.Click("#a")
			p.arrived("target")
			p.Click("#a")
			p.arrived("next")
			p.driver.Back(p.tab)
		}},
	{what: "a person's Back to a page whose address was typed", who: person, start: "nowhere", nth: 2,
		files: map[string]string{"target": `<script>onunload = () => {}</script><a id="a" href="next">next</a>`},
		do: func(p *play) {
			p.driver.Address(p.tab, p.url("target"))
			p.arrived("target")
			p.Click("#a")
			p.arrived("next")
			p.driver.Back(p.tab)
		}},
	{what: "a person's Back to a page that the browser has kept", who: person, nth: 2, none: true,
		header: map[string]string{"Cache-Control": "no-cache"},
		files: map[string]string{"page": link,
			"target": `<script>onpageshow = e => document.title = "kept " + e.persisted</script><a id="a" href="next">next</a>`},
		do: func(p *play) {
			p.Click("#a")
			p.arrived("target")
			p.Click("#a")
			p.arrived("next")
			p.driver.Back(p.tab)
			p.Wait(`document.title === "kept true"`)
			browser.Eval[int](p, `fetch("other").then(r => r.status)`)
		}},
	{what: "a closed tab that a person opens again", who: person, files: html(link), nth: 2, only: "firefox",
		do: func(p *play) {
			p.Click("#a")
			p.arrived("target")
			p.driver.Reopen(p.tab)
		}},
	{what: "a download by a click", who: person, files: html(`<a id="a" href="target" download="file">get</a>`),
		do: clicks("#a")},
	{what: "location.assign in a click's handler", who: person, files: button(`location.assign("target")`),
		do: clicks("#a")},
	{what: "location.reload in a click's handler", who: person, start: "target", nth: 2,
		files: map[string]string{"target": button(`location.reload()`)["page"]}, do: clicks("#a")},
	{what: "location.assign once a click's fetch has its answer", who: person,
		files: button(`await fetch("other"); location.assign("target")`), do: clicks("#a")},
	{what: "location.assign when a click is some seconds old", who: unclear,
		files: button(`setInterval(() => { if (!navigator.userActivation.isActive) location.assign("target") }, 50)`),
		do:    clicks("#a")},
	{what: "window.open in a click's handler", who: person, files: button(`window.open("target")`), do: clicks("#a")},
	{what: "a form submitted by script in a click's handler", who: person,
		files: html(`<form method="post" action="target"></form><button id="a">do</button><script>a.onclick = () => document.forms[0].submit()</script>`), do: clicks("#a")},
}

// selfNavigations are what the page does by itself.
var selfNavigations = []*scenario{
	{what: "a meta refresh", who: page, files: html(`<meta http-equiv="refresh" content="0; url=target">`)},
	{what: "a Refresh header", who: page, files: html(`wait`), header: map[string]string{"Refresh": "0; url=target"}},
	{what: "a meta refresh of a page that a click opened", who: page,
		files: map[string]string{"page": `<a id="a" href="next">go</a>`,
			"next": `<meta http-equiv="refresh" content="0; url=target">`}, do: clicks("#a")},
	{what: "location.reload by a timer", who: page, start: "target", nth: 2,
		files: map[string]string{"target": timer("",
			`if (!sessionStorage.again) { sessionStorage.again = 1; location.reload() }`)["page"]}},
	{what: "location.reload by a timer of a page that a click opened", who: page, nth: 2,
		files: map[string]string{"page": link,
			"target": timer("", `if (!sessionStorage.again) { sessionStorage.again = 1; location.reload() }`)["page"]},
		do: clicks("#a")},
	{what: "location.reload by a timer of a page that a person has reloaded", who: page, start: "target", nth: 3,
		files: map[string]string{"target": timer("",
			`const n = sessionStorage.n = +(sessionStorage.n ?? 0) + 1; if (n === 2) location.reload()`)["page"]},
		do: func(p *play) { p.Wait(`sessionStorage.n === "1"`); p.driver.Reload(p.tab) }},
	{what: "location.assign by a timer", who: page, files: timer("", `location.assign("target")`)},
	{what: "location.assign by a timer, and redirects to another site and back", who: page,
		files: timer("", `location.assign("to?{other}/to?{own}/target")`)},
	{what: "location.assign by a timer of a sibling origin", who: page, from: sibling,
		files: timer("", `location.assign("{own}/target")`)},
	{what: "location.assign by a timer of another site", who: page, from: other,
		files: timer("", `location.assign("{own}/target")`)},
	{what: "location.assign by a timer within seconds of a click on the page", who: unclear,
		files: button(`setTimeout(() => location.assign("target"), 100)`), do: clicks("#a")},
	{what: "a link clicked by a timer", who: page, files: timer(link, `document.getElementById("a").click()`)},
	{what: "a download by a timer", who: page, files: timer(`<a id="a" href="target" download="file">get</a>`,
		`document.getElementById("a").click()`)},
	{what: "a download by a timer of a page of a sibling origin", who: page, from: sibling,
		files: timer(`<a id="a" href="{own}/target" download="file">get</a>`, `document.getElementById("a").click()`)},
	{what: "a form with GET, sent by a timer", who: page, files: timer(`<form action="target"></form>`,
		`document.forms[0].submit()`)},
	{what: "a form with POST, sent by a timer", who: page, files: timer(`<form method="post" action="target"></form>`,
		`document.forms[0].submit()`)},
	{what: "a form with POST of another site, sent by a timer", who: page, from: other,
		files: timer(`<form method="post" action="{own}/target"></form>`, `document.forms[0].submit()`)},
	{what: "history.back by a timer to a page that a click opened", who: page, nth: 2,
		files: map[string]string{"page": link,
			"target": `<script>onunload = () => {}</script><a id="a" href="next">next</a>`,
			"next":   timer("", `history.back()`)["page"]},
		do: func(p *play) {
			p.Click("#a")
			p.requested(1)
			p.Wait(`document.readyState === "complete" && document.querySelector("#a[href=next]")`)
			p.Click("#a")
		}},
	{what: "history.back by a timer to a page that a timer opened", who: page, nth: 2,
		files: map[string]string{"page": timer("", `location.assign("target")`)["page"],
			"target": `<script>onunload = () => {}; if (!sessionStorage.again) { sessionStorage.again = 1; addEventListener("load", () => setTimeout(() => location.assign("next"), 1)) }</script>`,
			"next":   timer("", `history.back()`)["page"]}},
	{what: "history.back by a timer to a page whose address was typed", who: page, start: "nowhere", nth: 2,
		files: map[string]string{"target": `<script>onunload = () => {}</script><a id="a" href="next">next</a>`,
			"next": timer("", `history.back()`)["page"]},
		do: func(p *play) {
			p.driver.Address(p.tab, p.url("target"))
			p.arrived("target")
			p.Click("#a")
		}},
	{what: "window.open by a timer", who: page, none: true,
		files: timer("", `document.title = "opened " + window.open("target")`), do: func(p *play) {
			p.Wait(`document.title === "opened null"`)
			browser.Eval[int](p, `fetch("other").then(r => r.status)`)
		}},
}
