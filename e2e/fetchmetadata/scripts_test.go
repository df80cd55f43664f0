package fetchmetadata

// scripts are requests whose answer the page's script reads.
var scripts = []*scenario{
	{what: "fetch by a timer", who: unclear, files: timer("", `fetch("target")`)},
	{what: "fetch in a click's handler", who: unclear, files: button(`fetch("target")`), do: clicks("#a")},
	{what: "fetch with POST by a timer", who: unclear, files: timer("", `fetch("target", {method: "POST", body: "x"})`)},
	{what: "fetch with POST in a click's handler", who: unclear, files: button(`fetch("target", {method: "POST", body: "x"})`), do: clicks("#a")},
	{what: "fetch that accepts JSON", who: unclear, files: timer("", `fetch("target", {headers: {Accept: "application/json"}})`)},
	{what: "fetch that accepts HTML", who: unclear, files: timer("", `fetch("target", {headers: {Accept: "text/html"}})`)},
	{what: "fetch with mode no-cors", who: page, files: timer("", `fetch("target", {mode: "no-cors"})`)},
	{what: "fetch with mode same-origin", who: unclear, files: timer("", `fetch("target", {mode: "same-origin"})`)},
	{what: "fetch with keepalive when the page goes", who: unclear, files: html(`<a id="a" href="next">go</a><script>onpagehide = () => fetch("target", {keepalive: true})</script>`), do: clicks("#a")},
	{what: "fetch of a sibling origin with cookies", who: page, from: sibling, files: timer("", `fetch("{own}/target", {credentials: "include"})`)},
	{what: "fetch with POST of a sibling origin with cookies", who: page, from: sibling,
		files: timer("", `fetch("{own}/target", {method: "POST", body: "x", credentials: "include"})`)},
	{what: "the preflight of a fetch of a sibling origin", who: page, from: sibling,
		files: timer("", `fetch("{own}/target", {method: "POST", headers: {"Content-Type": "application/json"}, body: "{}", credentials: "include"})`)},
	{what: "fetch of a sibling origin with mode no-cors and cookies", who: page, from: sibling,
		files: timer("", `fetch("{own}/target", {mode: "no-cors", credentials: "include"})`)},
	{what: "fetch of another site", who: page, from: other, files: timer("", `fetch("{own}/target", {credentials: "include"})`)},
	{what: "fetch of another site with mode no-cors", who: page, from: other, files: timer("", `fetch("{own}/target", {mode: "no-cors", credentials: "include"})`)},
	{what: "fetch of the own origin that another site redirects back", who: page, files: timer("", `fetch("{other}/to?{own}/target")`)},
	{what: "fetch of a frame without an origin", who: page, files: html(`<iframe sandbox="allow-scripts" srcdoc="<script>fetch('{own}/target')</script>"></iframe>`)},
	{what: "XMLHttpRequest by a timer", who: unclear, files: timer("", `const x = new XMLHttpRequest(); x.open("GET", "target"); x.send()`)},
	{what: "htmx 2 polls", who: unclear, files: html(`<script src="htmx2.js"></script><p hx-get="target" hx-trigger="every 20ms">x</p>`)},
	{what: "htmx 2 after a click", who: unclear, files: html(`<script src="htmx2.js"></script><button id="a" hx-get="target">x</button>`), do: clicks("#a")},
	{what: "htmx 2 after a click on a boosted link", who: unclear, files: html(`<script src="htmx2.js"></script><a id="a" hx-boost="true" href="target">x</a>`), do: clicks("#a")},
	{what: "htmx 4 polls", who: unclear, files: html(`<script src="htmx4.js"></script><p hx-get="target" hx-trigger="every 20ms">x</p>`)},
	{what: "htmx 4 after a click", who: unclear, files: html(`<script src="htmx4.js"></script><button id="a" hx-get="target">x</button>`), do: clicks("#a")},
}

// streams and reports are sent by the page, and nobody reads an answer as a page.
var streams = []*scenario{
	{what: "EventSource", who: page, files: timer("", `new EventSource("target.events")`)},
	{what: "EventSource that connects again", who: page, nth: 2,
		files: map[string]string{"page": timer("", `new EventSource("target.events")`)["page"], "target.events": "retry: 1\ndata: x\n\n"}},
	{what: "EventSource of a sibling origin", who: page, from: sibling, files: timer("", `new EventSource("{own}/target.events", {withCredentials: true})`)},
	{what: "WebSocket", who: page, files: timer("", `new WebSocket("{socket}")`)},
	{what: "WebSocket of a sibling origin", who: page, from: sibling, files: timer("", `new WebSocket("{socket}")`)},
	{what: "sendBeacon by a timer", who: page, files: timer("", `navigator.sendBeacon("target", "x")`)},
	{what: "sendBeacon in a click's handler", who: page, files: button(`navigator.sendBeacon("target", "x")`), do: clicks("#a")},
	{what: "sendBeacon of a sibling origin", who: page, from: sibling, files: timer("", `navigator.sendBeacon("{own}/target", "x")`)},
	{what: "the ping of a link that is clicked", who: page, only: "chromium", files: html(`<a id="a" href="next" ping="target">go</a>`), do: clicks("#a")},
	{what: "a report of a breach of the content security policy", who: page, apart: true,
		header: map[string]string{"Content-Security-Policy": "default-src 'none'; report-uri target"}, files: html(`<script>1</script>`)},
}
