package fetchmetadata

// insecure are the same acts on an origin that is not trustworthy: plain http.
var insecure = []*scenario{
	{what: "a click on a link, over plain http", who: unclear, from: plain,
		files: html(`<a id="a" href="target">go</a>`), do: clicks("#a")},
	{what: "location.assign by a timer, over plain http", who: unclear, from: plain,
		files: timer("", `location.assign("target")`)},
	{what: "a form with POST sent by a click, over plain http", who: unclear, from: plain,
		files: html(`<form method="post" action="target"><button id="a">send</button></form>`), do: clicks("#a")},
	{what: "a frame that the page loads, over plain http", who: page, from: plain,
		files: html(`<iframe src="target"></iframe>`)},
	{what: "fetch by a timer, over plain http", who: unclear, from: plain, files: timer("", `fetch("target")`)},
	{what: "sendBeacon by a timer, over plain http", who: page, from: plain,
		files: timer("", `navigator.sendBeacon("target", "x")`)},
	{what: "an image, over plain http", who: page, from: plain, files: html(`<img src="target.png">`)},
	{what: "a style sheet, over plain http", who: page, from: plain,
		files: html(`<link rel="stylesheet" href="target.css">`)},
	{what: "a script, over plain http", who: page, from: plain, files: html(`<script src="target.js"></script>`)},
	{what: "link rel=prefetch, over plain http", who: page, from: plain,
		files: html(`<link rel="prefetch" href="target">`)},
	{what: "EventSource, over plain http", who: page, from: plain,
		files: timer("", `new EventSource("target.events")`)},
}
