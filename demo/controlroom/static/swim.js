// The swim lanes on the page. Only what is in sight is in the document, so that
// thousands of events cost no more than a screenful.
import { Layout, height } from "./layout.js";
import * as draw from "./draw.js";
import { at } from "./time.js";

export const kinds = {
	active: "active", passive: "polls", login: "log-ins", told: "told the IdP", asked: "asked", refused: "refused",
	ended: "ended", delivered: "logout tokens", lost: "lost tokens", trouble: "trouble", control: "you", step: "steps",
};

export class Swim {
	#layout = new Layout();
	#svg;
	#scroll;
	#below = draw.node("g", {});
	#above = draw.node("g", {});
	#drawn = new Map(); // by event, and by name for what is below them
	#rails = draw.rails(0, 0);
	#width = 0;
	#marked;
	#hidden;
	#select;
	#selected = -1;
	#follow = true;
	#left = 0; // scrolled to, at the last frame
	#paused = false;
	#waiting = [];
	#asked = false;

	constructor(scroll, svg, hidden, select) {
		this.#scroll = scroll;
		this.#svg = svg;
		this.#hidden = hidden;
		this.#select = select;
		svg.setAttribute("height", height);
		svg.append(draw.node("g", {}, ...this.#rails), this.#below, this.#above);
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

	// all events, those that a pause holds back included.
	get all() {
		return [...this.#layout.events.map((p) => p.event), ...this.#waiting];
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
		this.#follow = true;
		this.#left = 0;
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

	// render changes only what is not as it should be: layout and paint of a long
	// picture are what costs.
	#render() {
		const l = this.#layout;
		const seen = this.#scroll.clientWidth;
		const width = Math.max(l.width, seen);
		// Where a person has scrolled to in this very frame counts, too; a window that
		// grows moves the end, not the person.
		if (this.#scroll.scrollLeft < this.#left - 1 && this.#scroll.scrollLeft + seen < this.#width - 40) this.#follow = false;
		if (width !== this.#width) {
			this.#width = width;
			this.#svg.setAttribute("width", width);
			for (const rail of this.#rails) rail.setAttribute("x2", width);
		}
		if (this.#follow && !this.#paused) this.#scroll.scrollLeft = width;
		this.#left = this.#scroll.scrollLeft;
		const x0 = this.#left - seen / 2;
		const x1 = x0 + 2 * seen;
		const [from, to] = l.between(x0, x1);

		const wanted = new Map();
		let last = -Infinity;
		for (let i = from; i < to; i++) {
			if (!this.#shown(i)) continue;
			const p = l.events[i];
			wanted.set(p.event.id, () => draw.event(p));
			const before = l.steps.some((s) => s.x > p.x && s.x - p.x < (p.event.kind === "step" ? 80 : 65)); // its number needs the room
			if (p.x - last > 110 && !before) {
				wanted.set(`at ${p.event.id}`, () => draw.stamp(p.event.kind === "step" ? p.x + 13 : p.x, Date.parse(p.event.at)));
				last = p.x;
			}
		}
		const step = l.steps.at(-1);
		if (step && !this.#hidden.has("step")) wanted.set(`step ${step.id} ${width}`, () => draw.band(step.x, width));
		for (const b of l.bars) {
			const end = b.x1 ?? width;
			if (b.x0 <= x1 && end >= x0) wanted.set(`${b.lane} ${b.key} ${b.x0} ${end}`, () => draw.bar(b, width));
		}
		for (const [key, g] of this.#drawn) {
			if (wanted.has(key)) continue;
			g.remove();
			this.#drawn.delete(key);
		}
		for (const [key, make] of wanted) {
			if (this.#drawn.has(key)) continue;
			const g = make();
			this.#drawn.set(key, g);
			(typeof key === "number" ? this.#above : this.#below).append(g);
		}
		const marked = this.#drawn.get(l.events[this.#selected]?.event.id);
		if (marked !== this.#marked) {
			this.#marked?.classList.remove("selected");
			marked?.classList.add("selected");
			this.#marked = marked;
		}
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
