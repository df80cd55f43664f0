// The cards: the session at the IdP and those in the apps, of one person.
import { ago, left } from "./time.js";

// groups lists the sessions at the IdP that are or were, the latest first.
export function groups(snapshot) {
	const out = new Map();
	for (const s of snapshot.idp) out.set(s.sid, { sid: s.sid, subject: s.sub, live: true, began: Date.parse(s.created) });
	for (const a of snapshot.apps) {
		const known = out.get(a.sid);
		if (!known) out.set(a.sid, { sid: a.sid, subject: a.subject, live: false, began: Date.parse(a.last_active) });
	}
	return [...out.values()].sort((a, b) => Number(b.live) - Number(a.live) || b.began - a.began).slice(0, 6);
}

// name of a person, as it is written.
export const person = (subject) => (subject ? subject[0].toUpperCase() + subject.slice(1) : "");

export class Cards {
	#cards = new Map();
	#clock;
	#why;

	constructor(root, clock, why) {
		this.#clock = clock;
		this.#why = why;
		for (const card of root.querySelectorAll("[data-card]")) {
			this.#cards.set(card.dataset.card, { card, rings: {}, last: null });
		}
	}

	// update shows the sessions of the IdP session sid.
	update(snapshot, sid) {
		const now = Date.parse(snapshot.now);
		const idp = snapshot.idp.find((s) => s.sid === sid);
		const { like } = snapshot.settings;
		text(this.#cards.get("idp").card.querySelector("[data-like]"), like ? `like ${like}` : "identity provider");
		this.#set("idp", idp ? "live" : sid ? "ended" : "nobody", {
			last: idp && Date.parse(idp.last_active),
			rings: idp && {
				idle: { end: Date.parse(idp.idle_deadline), whole: snapshot.settings.idp_idle / 1e6 },
				absolute: { end: Date.parse(idp.absolute_deadline), whole: Date.parse(idp.absolute_deadline) - Date.parse(idp.auth_time) },
			},
			data: { sid: sid ?? "" },
			who: idp?.sub ?? groups(snapshot).find((g) => g.sid === sid)?.subject,
			note: idp && `${idp.clients.length} ${idp.clients.length === 1 ? "app" : "apps"}.`,
		});
		for (const id of ["notes", "reports", "wiki"]) {
			const s = sid && sessionIn(snapshot, id, sid);
			const end = (seconds) => (seconds === null ? null : now + seconds * 1000);
			this.#set(id, s ? s.state : "nobody", {
				last: s && Date.parse(s.last_active),
				rings: s && s.state === "live" && {
					idle: { end: end(s.status.idle_seconds), whole: (snapshot.settings.idle || snapshot.settings.idp_idle) / 1e6, over: !snapshot.settings.idle },
					absolute: { end: end(s.status.absolute_seconds), whole: snapshot.settings.absolute / 1e6 },
					token: s.token_ends && { end: Date.parse(s.token_ends), whole: Date.parse(s.token_ends) - Date.parse(s.token_began), calm: true },
				},
				data: { sid: s ? s.sid : "", session: s ? s.session : "" },
				who: s?.subject,
				reason: s?.reason,
			});
		}
	}

	// naive shows the app that keeps no contract, if somebody uses it.
	naive({ subject, state, reason, last_active }) {
		const c = this.#cards.get("naive");
		c.card.hidden = state === "";
		c.card.dataset.state = state || "nobody";
		if (state === "") return;
		c.last = Date.parse(last_active);
		text(c.card.querySelector("[data-state]"), state === "live" ? `it thinks ${person(subject)} is signed in` : `it logged ${person(subject)} out`);
		const why = c.card.querySelector("[data-why]");
		why.hidden = state !== "ended";
		text(why.querySelector("[data-why-title]"), "Its refresh failed");
		text(why.querySelector("[data-why-text]"), "It did not look at the reason, and threw the session away.");
		text(why.querySelector("[data-why-reason]"), reason ?? "");
	}

	#set(id, state, { last, rings, data, reason, note, who }) {
		const c = this.#cards.get(id);
		c.last = last ?? null;
		c.state = state;
		c.note = note;
		Object.assign(c.card.dataset, data);
		c.rings = rings || {};
		c.card.dataset.state = state;
		const name = person(who);
		const over = name ? `${name}: ended` : "ended";
		text(c.card.querySelector("[data-state]"), { live: `${name} is signed in`, ended: over, nobody: "not signed in", anonymous: over }[state]);
		for (const b of c.card.querySelectorAll("[data-act]")) {
			// An ended session may be tried: the answer shows why it is over.
			b.disabled = state === "nobody" || (state !== "live" && (b.dataset.act === "logout" || b.dataset.act === "end"));
		}
		const why = c.card.querySelector("[data-why]");
		const words = state === "ended" ? this.#why(id, data, reason) : null;
		why.hidden = !words;
		if (words) {
			text(why.querySelector("[data-why-title]"), words.title);
			text(why.querySelector("[data-why-text]"), words.text);
			text(why.querySelector("[data-why-reason]"), words.reason);
		}
		c.card.querySelector(".rings").hidden = state !== "live";
	}

	// tick turns the rings.
	tick() {
		const now = this.#clock.now();
		for (const { card, rings, last, note } of this.#cards.values()) {
			for (const figure of card.querySelectorAll("[data-ring]")) {
				const ring = rings[figure.dataset.ring];
				const hand = figure.querySelector(".hand");
				const value = figure.querySelector(".ring-value");
				if (!ring) continue;
				const label = figure.querySelector("figcaption");
				label.dataset.usual ??= label.textContent;
				const ms = ring.end === null ? 0 : Math.max(0, ring.end - now);
				// An app that only knows the IdP's window asks before it gives up (C3).
				const asks = ring.over && ring.end !== null && ms === 0;
				text(value, ring.end === null ? "–" : asks ? "asks" : left(ms / 1000));
				text(label, ring.end === null ? "only the IdP knows" : asks ? "the IdP first" : label.dataset.usual);
				hand.setAttribute("stroke-dasharray", `${Math.min(100, (100 * ms) / ring.whole).toFixed(2)} 100`);
				figure.classList.toggle("low", !ring.calm && !ring.over && ring.end !== null && ms < Math.min(20_000, ring.whole / 4));
			}
			const parts = [note, last && `Active ${ago((now - last) / 1000)} ago.`].filter(Boolean);
			text(card.querySelector("[data-note]"), parts.join(" "));
		}
	}
}

// sessionIn is the chosen person's session in an app. Where they have none, another person's
// is shown: a story has two people, and its steps speak of both.
function sessionIn(snapshot, app, sid) {
	const own = snapshot.apps.find((a) => a.app === app && a.sid === sid);
	const subject = groups(snapshot).find((g) => g.sid === sid)?.subject;
	return own ?? snapshot.apps.find((a) => a.app === app && a.subject !== subject);
}

// text writes only what has changed: screen readers and the layout stay calm.
function text(el, value) {
	if (el.textContent !== value) el.textContent = value;
}
