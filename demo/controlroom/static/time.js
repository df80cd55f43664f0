// Durations as people write them, and the demo's clock, which may run faster
// than the browser's.

const units = { h: 3600e9, m: 60e9, min: 60e9, s: 1e9 };

// parse reads "1h30m", "90s" or "0" into nanoseconds; null if it is none.
export function parse(text) {
	const t = text.trim();
	if (t === "" || t === "0") return 0;
	let sum = 0;
	let rest = t;
	while (rest !== "") {
		const m = /^(\d+(?:\.\d+)?)\s*(h|min|m|s)\s*/.exec(rest);
		if (!m) return null;
		sum += Number(m[1]) * units[m[2]];
		rest = rest.slice(m[0].length);
	}
	return Math.round(sum);
}

// format writes nanoseconds as parse reads them.
export function format(ns) {
	if (ns === 0) return "0";
	let out = "";
	let s = ns / 1e9;
	for (const [unit, n] of [["h", 3600], ["m", 60]]) {
		if (s >= n) {
			out += Math.floor(s / n) + unit;
			s %= n;
		}
	}
	return s > 0 || out === "" ? out + +s.toFixed(3) + "s" : out;
}

// left writes the seconds of a countdown.
export function left(seconds) {
	const s = Math.ceil(Math.max(0, seconds));
	if (s >= 3600) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")}`;
	return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

// ago writes how long something is over.
export function ago(seconds) {
	const s = Math.max(0, Math.round(seconds));
	if (s < 60) return `${s} s`;
	const and = (n, unit) => (n ? ` ${n} ${unit}` : "");
	if (s < 3600) return `${Math.floor(s / 60)} min${and(s % 60, "s")}`;
	return `${Math.floor(s / 3600)} h${and(Math.floor((s % 3600) / 60), "min")}`;
}

// at writes the time of day.
export function at(ms) {
	return new Date(ms).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
}

// Clock follows the demo's.
export class Clock {
	#base = Date.now();
	#seen = performance.now();
	#speed = 1;

	set(ms, speed) {
		this.#base = ms;
		this.#seen = performance.now();
		this.#speed = speed;
	}

	now() {
		return this.#base + (performance.now() - this.#seen) * this.#speed;
	}
}
