// The swim lanes on the page. Only what is in sight is in the document, so that
// thousands of events cost no more than a screenful.
import { Layout, height } from "./layout.js";
import * as draw from "./draw.js";
import { at } from "./time.js";

export const kinds = {
	active: "active", passive: "polls", login: "log-ins", told: "told the IdP", asked: "asked", refused: "refused",
	ended: "ended", delivered: "logout tokens", lost: "lost tokens", trouble: "trouble", control: "you",
};

export class Swim {
	#layout = new Layout();
	#svg;
	#scroll;
	#below = draw.node("g", {});
	#above = draw.node("g", {});
	#drawn = new Map();
	#hidden;
	#select;
	#selected = -1;
	#follow = true;
	#paused = false;
	#waiting = [];
	#asked = false;

	constructor(scroll, svg, hidden, select) {
		this.#scroll = scroll;
		this.#svg = svg;
		this.#hidden = hidden;
		this.#select = select;
		svg.setAttribute("height", height);
		svg.append(this.#below, this.#above);
		scroll.addEventListener("scroll", () => {
			this.#follow = scroll.scrollLeft + scroll.clientWidth > scroll.scrollWidth - 40;
			this.#ask();
		}, { passive: true });
		scroll.addEventListener("pointermove", (e) => e.pointerType === "mouse" && this.#point(e));
		scroll.addEventListener("click", (e) => this.#point(e));
		scroll.addEventListener("keydown", (e) => this.#key(e));
		new ResizeObserver(() => this.#ask()).observe(scroll);
	}

	get layout() {
		return this.#layout;
	}

	get count() {
		return this.#layout.events.length;
	}

	add(events) {
		if (this.#paused) {
			this.#waiting.push(...events);
			return;
		}
		for (const e of events) this.#layout.add(e);
		this.#ask();
	}

	clear() {
		this.#layout = new Layout();
		this.#waiting = [];
		this.#selected = -1;
		for (const g of this.#drawn.values()) g.remove();
		this.#drawn.clear();
		this.#ask();
	}

	pause(on) {
		this.#paused = on;
		if (!on) this.add(this.#waiting.splice(0));
	}

	refresh() {
		for (const g of this.#drawn.values()) g.remove();
		this.#drawn.clear();
		this.#ask();
	}

	show(id) {
		const i = this.#layout.events.findIndex((p) => p.event.id === id);
		if (i >= 0) this.#pick(i, true);
	}

	#shown(i) {
		return !this.#hidden.has(this.#layout.events[i].event.kind);
	}

	#point(e) {
		const x = e.clientX - this.#svg.getBoundingClientRect().left;
		let i = this.#layout.at(x);
		// A hidden neighbour gives way to one that is in sight.
		for (let d = 1; i >= 0 && !this.#shown(i) && d < 50; d++) {
			if (i + d < this.count && this.#shown(i + d)) i += d;
			else if (i - d >= 0 && this.#shown(i - d)) i -= d;
		}
		if (i >= 0 && this.#shown(i) && Math.abs(this.#layout.events[i].x - x) < 40) this.#pick(i, false);
	}

	#key(e) {
		const step = { ArrowLeft: -1, ArrowRight: 1 }[e.key];
		let i = this.#selected;
		if (step) {
			do i += step; while (i >= 0 && i < this.count && !this.#shown(i));
		} else if (e.key === "Home") i = 0;
		else if (e.key === "End") i = this.count - 1;
		else return;
		e.preventDefault();
		if (i >= 0 && i < this.count) this.#pick(i, true);
	}

	#pick(i, move) {
		if (i === this.#selected) return;
		this.#selected = i;
		const placed = this.#layout.events[i];
		if (move) this.#scroll.scrollLeft = placed.x - this.#scroll.clientWidth / 2;
		this.#select(placed.event);
		this.#ask();
	}

	#ask() {
		if (this.#asked) return;
		this.#asked = true;
		requestAnimationFrame(() => {
			this.#asked = false;
			this.#render();
		});
	}

	#render() {
		const l = this.#layout;
		const seen = this.#scroll.clientWidth;
		const width = Math.max(l.width, seen);
		this.#svg.setAttribute("width", width);
		if (this.#follow && !this.#paused) this.#scroll.scrollLeft = width;
		const x0 = this.#scroll.scrollLeft - seen / 2;
		const x1 = x0 + 2 * seen;
		const [from, to] = l.between(x0, x1);

		const stamps = [];
		let last = -Infinity;
		const wanted = new Set();
		for (let i = from; i < to; i++) {
			if (!this.#shown(i)) continue;
			const p = l.events[i];
			wanted.add(p.event.id);
			if (p.x - last > 110) {
				stamps.push(draw.stamp(p.x, Date.parse(p.event.at)));
				last = p.x;
			}
			if (!this.#drawn.has(p.event.id)) {
				const g = draw.event(p);
				this.#drawn.set(p.event.id, g);
				this.#above.append(g);
			}
			this.#drawn.get(p.event.id).classList.toggle("selected", i === this.#selected);
		}
		for (const [id, g] of this.#drawn) {
			if (!wanted.has(id)) {
				g.remove();
				this.#drawn.delete(id);
			}
		}
		this.#below.replaceChildren(
			...draw.rails(0, width),
			...l.bars.filter((b) => b.x0 <= x1 && (b.x1 ?? width) >= x0).map((b) => draw.bar(b, width)),
			...stamps,
		);
	}
}

// details explains an event in words.
export function details(e, names, clause) {
	const out = [];
	const el = (name, text, cls) => {
		const n = document.createElement(name);
		n.textContent = text;
		if (cls) n.className = cls;
		return n;
	};
	const head = el("p", "", "row");
	head.append(el("span", kinds[e.kind] ?? e.kind, `badge k-${e.kind}`), el("strong", e.title));
	const way = e.to ? `${names[e.from] ?? e.from} → ${names[e.to] ?? e.to}` : names[e.from] ?? e.from;
	const who = [at(Date.parse(e.at)), way, e.subject, e.session && `session ${e.session}`, e.reason && `reason ${e.reason}`].filter(Boolean);
	out.push(head, el("p", who.join(" · "), "quiet"));
	if (e.text) out.push(el("p", e.text));
	if (clause) {
		const p = el("p", "", "clause");
		p.append(el("strong", `${e.clause} ${clause.dataset.title}. `), clause.content.textContent);
		out.push(p);
	}
	return out;
}
