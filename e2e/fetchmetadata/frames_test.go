package fetchmetadata

import (
	"time"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
)

// framed is a page with a frame, whose file is "inner".
func framed(inner string) map[string]string {
	return map[string]string{"page": `<iframe id="f" name="f" src="{own}/inner"></iframe>`, "inner": inner}
}

// inFrame clicks until the frame hears it: one with a process of its own takes no clicks
// for some time after it has loaded.
func inFrame(p *play) {
	for range browser.Patience / (500 * time.Millisecond) {
		p.driver.InFrame(p.tab, "a, button")
		if p.server.within(p.t.Context(), p.id, 500*time.Millisecond) {
			return
		}
	}
}

var frames = []*scenario{
	{what: "a frame that the page loads", who: page, files: html(`<iframe src="target"></iframe>`)},
	{what: "a frame that a page of a sibling origin loads", who: page, from: sibling,
		files: html(`<iframe src="{own}/target"></iframe>`)},
	{what: "a frame that a page of another site loads", who: page, from: other,
		files: html(`<iframe src="{own}/target"></iframe>`)},
	{what: "a frame of a frameset that the page loads", who: page,
		files: html(`<frameset><frame src="target"></frameset>`)},
	{what: "a document in an object", who: page, files: html(`<object type="text/html" data="target"></object>`)},
	{what: "a document in an embed", who: page, files: html(`<embed type="text/html" src="target">`)},
	{what: "a click on a link in a frame", who: person, files: framed(link), do: inFrame},
	{what: "a click on a link in a frame of a page of another site", who: person, from: other, files: framed(link),
		do: inFrame},
	{what: "a click on a link in an object", who: person,
		files: map[string]string{"page": `<object id="f" type="text/html" data="inner"></object>`, "inner": link},
		do:    inFrame},
	{what: "a click on a link that leads into a frame", who: person,
		files: html(`<a id="a" href="target" target="f">go</a><iframe name="f"></iframe>`), do: clicks("#a")},
	{what: "a click on a link in a frame that leads the whole page", who: person,
		files: framed(`<a href="target" target="_top">go</a>`), do: inFrame},
	{what: "a form with POST in a frame, sent by a click", who: person,
		files: framed(`<form method="post" action="target"><button>send</button></form>`), do: inFrame},
	{what: "a frame that reloads itself by a timer", who: page,
		files: framed(timer("", `location.assign("target")`)["page"])},
	{what: "a frame with a meta refresh", who: page,
		files: framed(`<meta http-equiv="refresh" content="0; url=target">`)},
	{what: "a frame that the page sets anew by a timer", who: page,
		files: timer(`<iframe id="f"></iframe>`, `f.src = "target"`)},
	{what: "a frame that the page sets in a click's handler", who: person,
		files: html(`<iframe id="f"></iframe><button id="a">do</button><script>a.onclick = () => f.src = "target"</script>`), do: clicks("#a")},
}
