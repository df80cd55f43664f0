// The policy planner: two policies side by side, on one axis of time. The server computes.
// What is asked here can be played, too: compare.js.
import { parse } from "./time.js";
import { node } from "./draw.js";

const active = document.getElementById("planner-active");
const story = document.getElementById("compare-story");
const width = 400; // of the axis, in its own units

export class Planner {
	#plans = new Map(); // by column: what the server said last
	#asked = new Map(); // by column: the last question, so that an older answer is dropped

	constructor() {
		for (const column of document.querySelectorAll("[data-plan]")) {
			const form = column.querySelector("form");
			form.addEventListener("submit", (e) => e.preventDefault());
			form.addEventListener("input", () => this.#ask(column));
			this.#ask(column);
		}
		for (const input of [active, story]) input.addEventListener("input", () => document.querySelectorAll("[data-plan]").forEach((column) => this.#ask(column)));
	}

	async #ask(column) {
		const { policy, wrong } = read(column);
		if (wrong) return fault(column, wrong);
		const question = JSON.stringify(policy);
		this.#asked.set(column, question);
		try {
			const answer = await fetch("/plan", { method: "POST", headers: { "Content-Type": "application/json" }, body: question });
			const plan = await answer.json();
			if (this.#asked.get(column) !== question) return;
			if (!answer.ok) return fault(column, plan.error_description);
			fault(column, "");
			this.#plans.set(column, plan);
			this.#draw();
		} catch {
			fault(column, "The control room cannot be reached.");
		}
	}

	// draw puts both on the same axis, which ends a little after the last exact moment.
	#draw() {
		const work = works();
		const ends = [...this.#plans.values()].flatMap((p) => p.moments.filter((m) => !m.never).flatMap((m) => [m.from, m.to]));
		const most = Math.max(work, ...ends) * 1.02;
		for (const [column, plan] of this.#plans) {
			column.querySelector("[data-tells]").textContent = `The app tells the IdP of activity ${plan.tells}.`;
			column.querySelector("[data-moments]").replaceChildren(...plan.moments.flatMap((m) => moment(m, work, most)));
			column.querySelector("[data-settings]").replaceChildren(...plan.settings.map((s) => el("li", s)));
		}
	}
}

function moment(m, work, most) {
	const dt = el("dt", m.who);
	dt.append(" ", el("strong", m.never ? "is not logged out" : m.from === m.to ? `after ${span(m.from)}` : `between ${span(m.from)} and ${span(m.to)}`));
	const x = (ns) => ((width * ns) / most).toFixed(1);
	const svg = node("svg", { viewBox: `0 0 ${width} 12`, class: "axis", "aria-hidden": "true", preserveAspectRatio: "none" });
	svg.append(node("rect", { class: "signed-in", x: 0, y: 4, width: m.never ? width : x(m.from), height: 4 }), node("rect", { class: "at-work", x: 0, y: 2, width: x(work), height: 8 }));
	if (!m.never) svg.append(node("rect", { class: "over", x: x(m.from), y: 0, width: Math.max(3, x(m.to) - x(m.from)), height: 12 }));
	const dd = el("dd", "");
	dd.append(svg, m.text);
	return [dt, dd];
}

const noDuration = (text) => `“${text}” is no duration. Write it as 90s, 30m or 1h30m.`;

// works is how long the person works in the story.
function works() {
	return story.value === "polls" ? 0 : parse(active.value) ?? 0;
}

// read returns the policy of a column, or what is wrong with it.
export function read(column) {
	const policy = { active: works(), elsewhere: story.value === "elsewhere" };
	if (parse(active.value) === null) return { wrong: noDuration(active.value) };
	for (const input of column.querySelector("form").elements) {
		if (!input.name) continue;
		policy[input.name] = input.type === "checkbox" ? input.checked : input.tagName === "SELECT" ? input.value : parse(input.value);
		if (policy[input.name] === null) return { wrong: noDuration(input.value) };
	}
	return { policy };
}

// fault says what is wrong with a column.
export function fault(column, text) {
	column.querySelector("[data-fault]").textContent = text;
	column.classList.toggle("wrong", Boolean(text));
}

// span writes nanoseconds for people: 1 h 25 min.
export function span(ns) {
	const s = Math.round(ns / 1e9);
	const parts = [[Math.floor(s / 3600), "h"], [Math.floor((s % 3600) / 60), "min"], [s % 60, "s"]].filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}`);
	return parts.join(" ") || "0 s";
}

export function el(name, text) {
	const n = document.createElement(name);
	n.textContent = text;
	return n;
}
