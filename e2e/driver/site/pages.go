package site

const head = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>{app} of {who}</title>
<script type="module" src="/auth/session.js"></script><script type="module" src="/probe.js"></script></head>
`

// pages of the apps under test.
var pages = map[string]string{
	"home": head + `<body><tandem-session {attributes}></tandem-session>
<main><h1>Notes</h1><p id="who" data-tandem-private>private of {who}</p>
<p><button id="button" type="button">Do something</button></p>
<dialog id="own"><p data-tandem-private>a dialog of the app</p></dialog></main></body></html>`,

	"form": head + `<body><tandem-session {attributes}></tandem-session>
<main data-tandem-private><h1>Notes</h1><form id="note" data-tandem-keep><p><label>Title <input name="title"></label></p>
<p><label>Text <textarea name="text"></textarea></label></p>
<p><label>Kind <select name="kind"><option>letter</option><option>list</option></select></label></p>
<p><label><input type="checkbox" name="pin"> pinned</label></p>
<p><label><input type="radio" name="who" value="me" checked> me</label> <label><input type="radio" name="who" value="all"> all</label></p>
<p><label>Password <input type="password" name="password" autocomplete="off"></label></p>
<p><label>Card <input name="card" autocomplete="cc-number"></label></p>
<input type="hidden" name="token" value="t"></form>
<form id="other"><p><label>Not kept <input name="other"></label></p></form></main></body></html>`,

	"public": head + `<body><tandem-session optional {attributes}></tandem-session>
<main><h1>Public</h1><p id="who">of {who}</p></main></body></html>`,

	// No element: session.js brings its own.
	"bare": head + `<body data-tandem-private><main><h1>Bare</h1><p id="who">private of {who}</p></main></body></html>`,
}
