package site

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tandem-sso/tandem/e2e/driver/browser"
)

// Fields is content with a form that is kept, but for what is secret in it: the names
// of those fields begin with "never".
func Fields() string {
	var b strings.Builder
	b.WriteString(`<form id="much" data-tandem-keep>`)
	field := func(name, attributes string) { fmt.Fprintf(&b, `<input name=%q %s>`, name, attributes) }
	for i, tokens := range []string{"off", "section-a billing street-address", "name", "shipping tel-national"} {
		field(fmt.Sprint("kept ", i), `autocomplete="`+tokens+`"`)
	}
	for i, tokens := range []string{"cc-number", "section-a billing cc-number", "shipping cc-exp-month", "CC-EXP",
		"billing\tCc-Name", "cc-csc",
		"cc-number webauthn", "no-such-token cc-csc", "one-time-code", "section-b one-time-code", "current-password",
		"section-a new-password"} {
		field(fmt.Sprint("never ", i), `autocomplete="`+tokens+`"`)
	}
	for _, name := range []string{"password", "Passwort", "user[passwd]", "cc-number"} {
		field("never "+name, "")
	}
	b.WriteString(`<input id="never-by-password-id"><textarea name="never t" autocomplete="cc-number"></textarea><textarea name="kept t"></textarea>`)
	for i, kind := range []string{"password", "PASSWORD", "hidden", "file"} {
		field(fmt.Sprint("never type ", i), `type="`+kind+`"`)
	}
	for _, how := range []string{"property", "attribute", "twice", "absent"} {
		field("never shown "+how, `type="password" data-show="`+how+`"`)
	}
	b.WriteString(`</form><input form="much" name="kept outside">`)
	return b.String()
}

// KeepsNoSecret types into every field, has the session ended, and looks at what is
// encrypted.
func (w *World) KeepsNoSecret(tab Tab) {
	w.Helper()
	w.OpenAttacked(tab)
	want := browser.Eval[[]string](tab, `(() => {
		const encrypt = SubtleCrypto.prototype.encrypt
		SubtleCrypto.prototype.encrypt = function (how, key, plain) {
			eyes.plain = new TextDecoder().decode(plain)
			return encrypt.apply(this, arguments)
		}
		// The app shows passwords, and one field that it brings later.
		const late = Object.assign(document.createElement("input"), {type: "password", name: "never late"})
		much.append(late)
		late.type = "text"
		const show = {
			property: f => { f.type = "text" },
			attribute: f => f.setAttribute("type", "text"),
			twice: f => { f.type = "text"; f.type = "password"; f.type = "text" },
			absent: f => f.removeAttribute("type"),
		}
		for (const f of document.querySelectorAll("[data-show]")) show[f.dataset.show](f)
		for (const f of much.elements) if (f.type !== "file") f.value = "<" + (f.name || f.id) + ">"
		return [...much.elements].map(f => f.name || f.id).filter(name => !name.startsWith("never"))
	})()`)
	w.TypeNote(tab)
	w.EndAda()
	tab.Wait(`eyes.state() === "ended" && eyes.plain`)
	plain := browser.Eval[string](tab, `eyes.plain`)
	for _, name := range want {
		if !strings.Contains(plain, "<"+name+">") {
			w.Errorf("%q is not kept", name)
		}
	}
	for _, part := range strings.Split(plain, "<")[1:] {
		if name, _, _ := strings.Cut(part, ">"); !slices.Contains(want, name) {
			w.Errorf("%q is kept", name)
		}
	}
	if len(want) != 6 || !strings.Contains(plain, "Lovelace") {
		tab.Fail("%d fields and the note are to be kept, it is %s", len(want), plain)
	}
}
