package fetchmetadata

// served has a page that a service worker stands before, and links from it.
func served(worker, page string) map[string]string {
	return map[string]string{"worker.js": `
		self.oninstall = e => self.skipWaiting()
		self.onactivate = e => e.waitUntil(clients.claim())
		` + worker, "page": page + `<script>navigator.serviceWorker.register("worker.js")</script>`}
}

const (
	passing  = `self.onfetch = e => { if (e.request.url.includes("target")) e.respondWith(fetch(e.request)) }`
	byURL    = `self.onfetch = e => { if (e.request.url.includes("target")) e.respondWith(fetch(e.request.url)) }`
	preloads = `self.onactivate = e => e.waitUntil(registration.navigationPreload.enable().then(() => clients.claim()))
		self.onfetch = e => { if (e.request.mode === "navigate") e.respondWith(e.preloadResponse.then(r => r || fetch("other"))) }`
)

// controlled waits until the service worker stands before the page.
func controlled(p *play) {
	p.t.Helper()
	p.Wait(`navigator.serviceWorker.controller?.state === "activated"`)
}

func controlledClick(p *play) { controlled(p); p.Click("#a") }

// byTimer is a page that does something by itself once it is controlled.
func byTimer(script string) string {
	return `<script>const wait = setInterval(() => { if (navigator.serviceWorker.controller?.state === "activated") { clearInterval(wait); ` + script + ` } }, 10)</script>`
}

var workers = []*scenario{
	{what: "the script of a worker", who: page, files: timer("", `new Worker("target.js")`)},
	{what: "fetch in a worker", who: unclear,
		files: map[string]string{"page": timer("", `new Worker("worker.js")`)["page"], "worker.js": `fetch("target")`}},
	{what: "the script of a shared worker", who: page, files: timer("", `new SharedWorker("target.js")`)},
	{what: "the script of a service worker", who: page,
		files: timer("", `navigator.serviceWorker.register("target.js")`)},
	{what: "fetch in a service worker by itself", who: unclear, files: served(`self.onmessage = () => fetch("target")`,
		byTimer(`navigator.serviceWorker.controller.postMessage(1)`))},
	{what: "a click on a link, through a service worker", who: unclear, files: served(passing, link),
		do: controlledClick},
	{what: "a form with POST sent by a click, through a service worker", who: unclear,
		files: served(passing, `<form method="post" action="target"><button id="a">send</button></form>`),
		do:    controlledClick},
	{what: "a click on a link of another site, through a service worker", who: unclear,
		files: map[string]string{"worker.js": served(passing, "")["worker.js"], "page": served(passing, "")["page"],
			"far": link}, do: func(p *play) {
			controlled(p)
			p.Go(p.server.at(other, p.id, "far"))
			p.Click("#a")
		}},
	{what: "location.assign by a timer, through a service worker", who: unclear,
		files: served(passing, byTimer(`location.assign("target")`))},
	{what: "a frame that the page loads, through a service worker", who: unclear,
		files: served(passing, `<iframe id="f"></iframe>`+byTimer(`f.src = "target"`))},
	{what: "a person's reload, through a service worker", who: unclear, files: served(passing, link), nth: 2,
		do: func(p *play) {
			controlledClick(p)
			p.arrived("target")
			p.driver.Reload(p.tab)
		}},
	{what: "a click on a link, through a service worker that fetches the URL", who: unclear, files: served(byURL, link),
		do: controlledClick},
	{what: "location.assign by a timer, through a service worker that fetches the URL", who: unclear,
		files: served(byURL, byTimer(`location.assign("target")`))},
	{what: "fetch by a timer, through a service worker", who: unclear,
		files: served(passing, byTimer(`fetch("target")`))},
	{what: "an image, through a service worker", who: page,
		files: served(passing, byTimer(`new Image().src = "target.png"`))},
	{what: "a click on a link, preloaded beside a service worker", who: person, files: served(preloads, link),
		do: controlledClick},
	{what: "location.assign by a timer, preloaded beside a service worker", who: page,
		files: served(preloads, byTimer(`location.assign("target")`))},
}
