package fetchmetadata

// parts are what a page is made of.
var parts = []*scenario{
	{what: "an image", who: page, files: html(`<img src="target.png">`)},
	{what: "an image of a sibling origin's page", who: page, from: sibling,
		files: html(`<img src="{own}/target.png">`)},
	{what: "an image of another site's page", who: page, from: other, files: html(`<img src="{own}/target.png">`)},
	{what: "an image set by a timer", who: page, files: timer("", `new Image().src = "target.png"`)},
	{what: "a script", who: page, files: html(`<script src="target.js"></script>`)},
	{what: "a module", who: page, files: html(`<script type="module" src="target.js"></script>`)},
	{what: "a module imported by script", who: page, files: timer("", `import("{own}/target.js")`)},
	{what: "a style sheet", who: page, files: html(`<link rel="stylesheet" href="target.css">`)},
	{what: "a font", who: page, apart: true,
		files: html(`<style>@font-face { font-family: f; src: url(target.woff2) } body { font-family: f }</style>text`)},
	{what: "a video", who: page, files: html(`<video src="target.mp4" preload="auto"></video>`)},
	{what: "an audio", who: page, files: html(`<audio src="target.mp4" preload="auto"></audio>`)},
	{what: "a track", who: page, files: html(
		`<video src="x.mp4" preload="auto"><track default src="target.vtt"></video>`)},
	{what: "a favicon", who: page, files: html(`<link rel="icon" href="target.png">`)},
	{what: "a manifest", who: page, only: "chromium", do: (*play).manifest,
		files: html(`<link rel="manifest" href="target.webmanifest">`)},
	{what: "a preload of a fetch", who: page, files: html(`<link rel="preload" as="fetch" crossorigin href="target">`)},
	{what: "a preload of an image", who: page, files: html(`<link rel="preload" as="image" href="target.png">`)},
	{what: "an image in an object", who: page, files: html(`<object type="image/png" data="target.png"></object>`)},
	{what: "an image in an embed", who: page, files: html(`<embed type="image/png" src="target.png">`)},
}
