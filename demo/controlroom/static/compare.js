// The comparison: the server plays one story in two worlds, and the two timelines are drawn on
// one axis of time.
import { el, fault, read, span } from "./planner.js";
import { parse } from "./time.js";
import { node } from "./draw.js";

const $ = (id) => document.getElementById(id);
const columns = [...document.querySelectorAll("[data-plan]")];
const width = 400; // of the axis, in its own units

export class Compare {
	#playing = null; // what stops the play

	constructor() {
		$("compare-play").addEventListener("click", () => this.#play());
		$("compare-stop").addEventListener("click", () => this.#playing?.abort());
		// An old answer does not stand beside new settings.
		$("planner").addEventListener("input", () => {
			this.#playing?.abort();
			this.#show(null);
			this.#tell();
		});
		this.#tell();
	}

	#tell() {
		const story = $("compare-story");
		$("compare-text").textContent = story.selectedOptions[0].dataset.text;
		$("planner-active").disabled = story.value === "polls";
	}

	async #play() {
		$("compare-fault").textContent = "";
		this.#show(null);
		const [work, away] = ["planner-active", "compare-away"].map((id) => parse($(id).value));
		if (work === null || away === null) return this.#fail("Write the times as 90s, 30m or 1h30m.");
		const sides = columns.map((column) => read(column));
		if (sides.some((s) => s.wrong)) return this.#fail("One of the policies cannot be read: see there.");
		const playing = new AbortController();
		this.#playing = playing;
		this.#busy(true);
		try {
			const answer = await fetch("/compare", { method: "POST", signal: playing.signal, headers: { "Content-Type": "application/json" },
				body: JSON.stringify({ story: $("compare-story").value, work, away, sides: sides.map((s) => s.policy) }) });
			const body = await answer.json();
			if (answer.ok) this.#show(body);
			else if (body.side) {
				fault(columns[body.side - 1], body.error_description);
				this.#fail(`The ${body.side === 1 ? "first" : "second"} policy cannot be played: see there.`);
			} else this.#fail(body.error_description);
		} catch {
			this.#fail(playing.signal.aborted ? "" : "The control room cannot be reached.");
		} finally {
			if (this.#playing === playing) this.#busy(false);
		}
	}

	#busy(on) {
		if (!on) this.#playing = null;
		const held = document.activeElement === $("compare-play") || document.activeElement === $("compare-stop");
		$("compare-play").hidden = on;
		$("compare-stop").hidden = !on;
		if (held) $(on ? "compare-stop" : "compare-play").focus();
		if (on) $("compare-said").textContent = "Both are being played.";
	}

	#fail(text) {
		$("compare-fault").textContent = text;
		$("compare-said").textContent = "";
	}

	// show draws an answer; null: there is none any more.
	#show(answer) {
		$("compare-answer").hidden = !answer;
		for (const column of columns) column.querySelector("[data-played]").hidden = !answer;
		if (!answer) return;
		$("compare-text").textContent = answer.story;
		$("differences").replaceChildren(...(answer.differences.length ? answer.differences.map(difference) : [el("li", "Nothing: in both worlds the same sessions end at the same times.")]));
		columns.forEach((column, i) => {
			column.querySelector("[data-turns]").replaceChildren(...turns(answer));
			column.querySelector("[data-lanes]").replaceChildren(...answer.sides[i].lanes.flatMap((l) => lane(l, answer)));
		});
		const n = answer.differences.length;
		$("compare-said").textContent = `Both were played. ${n === 0 ? "Nothing is different." : n === 1 ? "One session ended differently." : `${n} sessions ended differently.`}`;
	}
}

function difference(d) {
	const li = el("li", "");
	const made = d.made.length === 0 ? "Only the settings together make this difference." : `${d.made.length === 1 ? "The setting that makes it" : "Each of these settings alone makes one here"}: ${d.made.join(", ")}.`;
	li.append(el("strong", d.text), " ", made);
	const because = el("span", d.because[0] === d.because[1] ? d.because[0] : `First: ${d.because[0]} Second: ${d.because[1]}`);
	because.className = "because";
	li.append(because);
	return li;
}

// lane draws one session's row: what was played above, what was computed below.
function lane(l, answer) {
	const ended = l.sessions.find((s) => s.ended);
	const dt = el("dt", l.name);
	dt.className = `lane-${l.id}`;
	dt.append(" ", el("strong", !ended ? "did not end" : ended.to < answer.back ? `ended after ${span(ended.to)}` : "ended when Ada came back"));
	const dd = el("dd", "");
	dd.append(axis(l, answer), said(l, ended));
	if (l.differs) {
		const p = el("p", `This is not what was computed. ${l.differs}`);
		p.className = "field-error";
		dd.append(p);
	}
	return [dt, dd];
}

// turns are the times of the story, above the axis.
function turns(answer) {
	return [[0, "log-in"], [answer.work, `leaves after ${span(answer.work)}`], [answer.back, `back after ${span(answer.back)}`]].filter(([at], i) => i !== 1 || at > 0).map(([at, text]) => {
		const s = el("span", text);
		s.style.left = `${(100 * at) / answer.until}%`;
		return s;
	});
}

function axis(l, answer) {
	const x = (ns) => Math.min(width, Math.max(0, (width * ns) / answer.until));
	const box = (name, from, to, y, height, least) => node("rect", { class: name, x: x(from).toFixed(1), y, width: Math.max(least, x(to) - x(from)).toFixed(1), height });
	const svg = node("svg", { viewBox: `0 0 ${width} 24`, class: "axis played", "aria-hidden": "true", preserveAspectRatio: "none" });
	svg.append(...l.sessions.map((s) => box("signed-in", s.from, s.to, 5, 8, 1)), ...(l.active ?? []).map((s) => box("at-work", s.from, s.to, 2, 14, 1.5)));
	svg.append(...(l.told ?? []).map((t) => box("told", t, t, 0, 18, 4)), ...l.sessions.filter((s) => s.ended).map((s) => box("over", s.to, s.to, 0, 18, 2)));
	if (!l.plan.never && l.plan.from <= answer.until) svg.append(box("planned", l.plan.from, l.plan.to, 20, 4, 2));
	for (const t of [answer.work, answer.back]) svg.append(node("line", { class: "turn", x1: x(t), x2: x(t), y1: 0, y2: 24, "vector-effect": "non-scaling-stroke" }));
	return svg;
}

// said puts a row into words.
function said(l, ended) {
	const words = [];
	if (ended) words.push(ended.text);
	const more = l.sessions.filter((s) => s.ended).length - 1;
	if (more > 0) words.push(`After another log-in it ended ${more === 1 ? "once" : `${more} times`} more.`);
	const renewed = l.sessions.reduce((n, s) => n + (s.renewed ?? 0), 0);
	if (renewed) words.push(`The app sent her to the IdP for another log-in ${renewed === 1 ? "once" : `${renewed} times`}, without typing.`);
	if (l.told?.length) words.push(`A logout token arrived after ${span(l.told[0])}.`);
	if (l.id === "naive") words.push("It takes its page's questions for activity.");
	if (l.back) words.push(`When Ada came back: ${l.back}.`);
	const m = l.plan;
	words.push(`Computed: ${m.never ? "no end" : m.from === m.to ? `after ${span(m.from)}` : `between ${span(m.from)} and ${span(m.to)}`}.`);
	return words.join(" ");
}
