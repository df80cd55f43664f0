package fetchmetadata

import "github.com/tandem-sso/tandem/e2e/driver/browser"

// speculation are rules for what the browser may load before a click.
func speculation(action, url string) map[string]string {
	return html(`<script type="speculationrules">{"` + action + `": [{"urls": ["` + url +
		`"], "eagerness": "immediate"}]}</script><a id="a" href="target">go</a>`)
}

// guesses are what a browser loads before anybody asks for it.
var guesses = []*scenario{
	{what: "link rel=prefetch", who: page, files: html(`<link rel="prefetch" href="target">`)},
	{what: "link rel=prefetch as=document", who: page,
		files: html(`<link rel="prefetch" as="document" href="target">`)},
	{what: "link rel=prefetch of a sibling origin's page", who: page, from: sibling,
		files: html(`<link rel="prefetch" href="{own}/target">`)},
	{what: "a prefetch by speculation rules", who: page, only: "chromium", files: speculation("prefetch", "target")},
	{what: "a prefetch by speculation rules of a sibling origin's page", who: page, only: "chromium", from: sibling,
		files: speculation("prefetch", "{own}/target")},
	{what: "a prerender by speculation rules", who: page, only: "chromium", files: speculation("prerender", "target")},
	{what: "fetch of a page that is prerendered", who: page, only: "chromium", apart: true,
		files: map[string]string{"page": speculation("prerender", "next")["page"],
			"next": `<script>fetch("target")</script>`}},
	{what: "a click on a link whose page was prefetched by speculation rules", who: person, only: "chromium", nth: 2,
		none:  true,
		files: speculation("prefetch", "target"), do: func(p *play) {
			p.requested(1)
			p.Click("#a")
			p.arrived("target")
			browser.Eval[int](p, `fetch("other").then(r => r.status)`)
		}},
	{what: "location.assign to a page that was prerendered", who: page, only: "chromium", apart: true, nth: 2,
		none: true,
		files: map[string]string{
			"page": speculation("prerender", "target")["page"] +
				`<script>fetch("wait").then(() => location.assign("target"))</script>`,
			"target": `<script>const done = () => fetch("done"); document.prerendering ? document.onprerenderingchange = done : done()</script>`},
		do: (*play).done},
}
