// Why was I logged out? Every end that the timeline knows, the latest first, with
// its reason and what led to it.
import { person } from "./cards.js";
import { at, ago } from "./time.js";

const most = 200; // that are listed
const near = 60; // events around an end that may have led to it

export class Ends {
	#dialog = document.getElementById("ends");
	#list = document.getElementById("ends-list");
	#events;
	#names;
	#show;

	// events returns the timeline's, in their order; show points at one of them.
	constructor(events, names, show) {
		this.#events = events;
		this.#names = names;
		this.#show = show;
		document.getElementById("why").addEventListener("click", () => this.open());
		this.#dialog.addEventListener("click", (e) => {
			if (e.target === this.#dialog) this.#dialog.close();
		});
	}

	open() {
		const all = this.#events();
		const rows = [];
		for (let i = all.length - 1; i >= 0 && rows.length < most; i--) {
			if (all[i].kind === "ended") rows.push(this.#row(all, i));
		}
		this.#list.replaceChildren(...rows);
		document.getElementById("ends-none").hidden = rows.length > 0;
		this.#dialog.showModal();
		(this.#list.querySelector("summary") ?? this.#dialog.querySelector("button")).focus();
	}

	#row(all, i) {
		const e = all[i];
		const words = document.querySelector(`template[data-reason="${CSS.escape(e.reason ?? "")}"]`);
		const lane = this.#names[e.from] ?? e.from;
		const known = e.from !== "idp" && e.from !== "naive" && words;
		const row = el("details", "", `end lane-${e.from}`);
		row.dataset.id = e.id;
		const head = el("summary", "");
		head.append(el("time", at(Date.parse(e.at))), el("strong", [person(e.subject), lane].filter(Boolean).join(" · "), "who"), el("span", known ? words.dataset.title : e.title));
		row.append(head);
		row.addEventListener("toggle", () => row.open && row.childElementCount === 1 && row.append(this.#answer(all, i, known ? words.content.textContent : e.text)), { once: true });
		return row;
	}

	#answer(all, i, text) {
		const e = all[i];
		const box = el("div", "", "end-answer");
		box.append(explained(e.id, text), el("p", "What led to it:", "quiet"));
		const led = el("ol", "");
		for (const one of [...causes(all, i)].sort((a, b) => a.id - b.id)) {
			const li = el("li", "");
			const b = el("button", "", "line");
			b.type = "button";
			b.append(el("time", at(Date.parse(one.at))), el("span", "", `mark k-${one.kind}`), one === e ? `${one.title}` : one.title);
			b.addEventListener("click", () => {
				this.#dialog.close();
				this.#show(one.id);
			});
			li.append(b);
			led.append(li);
		}
		box.append(led);
		const last = lastActive(all, i);
		if (last) box.append(el("p", `Last active there ${ago((Date.parse(e.at) - Date.parse(last.at)) / 1000)} before.`, "quiet"));
		const reason = el("p", "Reason in log, event and page: ", "quiet");
		reason.append(el("code", e.reason ?? ""));
		box.append(reason);
		return box;
	}
}

// explained is the server's answer: the cause, who knew first, how long each app took, and
// which setting would have changed it.
function explained(id, known) {
	const out = el("dl", "", "answer");
	const add = (question, ...lines) => out.append(el("dt", question), ...lines.map((l) => el("dd", l)));
	add("What is known here", known);
	fetch(`/why/${id}`)
		.then((r) => r.json())
		.then((a) => {
			if (a.error) return add("Cause", a.error_description);
			add("Cause", a.cause);
			add("Who knew first?", a.first);
			if (a.took.length > 0) add("How long did the apps take?", ...a.took.map((t) => `${t.app}: ${t.text}`));
			add("Which setting would have changed it?", a.setting);
		})
		.catch(() => add("Cause", "The control room cannot be reached."));
	return out;
}

// causes picks from the neighbours of an end what belongs to the same session.
export function causes(all, i) {
	const e = all[i];
	const found = new Set([e]);
	const last = lastActive(all, i);
	if (last) found.add(last);
	for (let k = Math.max(0, i - near); k < Math.min(all.length, i + near); k++) {
		const o = all[k];
		if (o.sid && e.sid && o.sid !== e.sid) continue;
		if (o.subject && e.subject && o.subject !== e.subject) continue;
		const here = o.from === e.from || o.to === e.from;
		if (o.kind === "ended" && o.sid === e.sid && o.from === "idp") found.add(o);
		if (o.kind === "delivered" && o.to === e.from && o.sid === e.sid) found.add(o);
		if (k < i && (o.kind === "refused" || o.kind === "lost" || o.kind === "trouble") && here && o.to !== "person") found.add(o);
		if (k < i && o.kind === "refused" && o.from === "api" && e.reason === "api_unauthorized") found.add(o);
	}
	return found;
}

function lastActive(all, i) {
	const e = all[i];
	for (let k = i - 1; k >= 0; k--) {
		const o = all[k];
		if (o.kind === "active" && (e.from === "idp" ? o.sid === e.sid : o.to === e.from && (o.session === e.session || e.from === "naive"))) return o;
	}
	return null;
}

function el(name, text, cls) {
	const n = document.createElement(name);
	n.textContent = text;
	if (cls) n.className = cls;
	return n;
}
