// SVG of single events; used by the page and by the export.
import { at, ago } from "./time.js";
import { lanes, laneY, laneHeight, top, height } from "./layout.js";

const ns = "http://www.w3.org/2000/svg";

export function node(name, attributes, ...children) {
	const n = document.createElementNS(ns, name);
	for (const [k, v] of Object.entries(attributes)) n.setAttribute(k, v);
	n.append(...children);
	return n;
}

// event draws one event; its colour comes from its class.
export function event({ event: e, x, y0, y1, gap }) {
	const g = node("g", { class: `event k-${e.kind}`, "data-id": e.id, transform: `translate(${x} 0)` });
	if (gap) {
		g.append(node("text", { class: "gap", x: -55, y: top - 6, "text-anchor": "middle" }, `⋯ ${ago(gap)} ⋯`));
	}
	if (e.kind === "step") {
		g.append(node("line", { class: "stem", x1: 0, y1: 9, x2: 0, y2: height }), node("circle", { class: "dot", cx: 0, cy: 10, r: 9 }), node("text", { class: "number", x: 0, y: 14, "text-anchor": "middle" }, e.title.match(/\d+/)?.[0] ?? ""));
		return g;
	}
	if (y1 !== null && y1 !== y0) {
		const dir = y1 > y0 ? 1 : -1;
		const stop = e.kind === "lost" ? (y0 + y1) / 2 : y1 - dir * 7;
		g.append(node("line", { class: "stem", x1: 0, y1: y0, x2: 0, y2: stop }));
		if (e.kind === "lost") g.append(cross(stop, 6));
		else g.append(node("path", { class: "tip", d: `M0 ${y1} l-5 ${-9 * dir} h10 z` }));
		if (e.kind === "refused") g.append(cross((y0 + y1) / 2, 5));
	}
	switch (e.kind) {
		case "ended":
			g.append(node("circle", { class: "dot", cx: 0, cy: y0, r: 9 }), cross(y0, 4.5));
			break;
		case "control":
			g.append(node("path", { class: "dot", d: `M0 ${y0 - 7} l7 7 l-7 7 l-7 -7 z` }));
			break;
		case "trouble":
			g.append(node("path", { class: "dot", d: `M0 ${y0 - 8} l8 14 h-16 z` }));
			break;
		default:
			g.append(node("circle", { class: "dot", cx: 0, cy: y0, r: e.kind === "passive" ? 3.5 : 5 }));
	}
	return g;
}

function cross(y, r) {
	return node("path", { class: "cross", d: `M${-r} ${y - r} l${2 * r} ${2 * r} m0 ${-2 * r} l${-2 * r} ${2 * r}` });
}

export function bar({ lane, x0, x1 }, width) {
	return node("rect", { class: `life lane-${lane}`, x: x0, y: laneY(lane) - 10, width: Math.max(4, (x1 ?? width - 20) - x0), height: 20, rx: 10 });
}

// band marks the step of a story that is told.
export function band(x, width) {
	return node("rect", { class: "band", x, y: 0, width: Math.max(0, width - x), height });
}

export function rails(x0, x1) {
	return lanes.map((lane) => node("line", { class: "rail", x1: x0, x2: x1, y1: laneY(lane), y2: laneY(lane) }));
}

export function stamp(x, ms) {
	return node("text", { class: "stamp", x, y: 13 }, at(ms));
}

// standalone draws the whole timeline as a document of its own, and returns its
// parts. Thousands of events take a while, so the page gets its turn in between.
export async function standalone(layout, names, keep) {
	const left = 90;
	const width = left + layout.width;
	const write = new XMLSerializer();
	const parts = [];
	const add = (...nodes) => nodes.forEach((n) => parts.push(write.serializeToString(n)));
	parts.push(`<svg xmlns="${ns}" viewBox="0 0 ${width} ${height + 10}" width="${width}" height="${height + 10}">`);
	add(node("style", {}, exported), node("rect", { width: "100%", height: "100%", fill: "#fff" }));
	for (const lane of lanes) add(node("text", { class: "name", x: 10, y: laneY(lane) + 5 }, names[lane] ?? lane));
	parts.push(`<g transform="translate(${left} 0)">`);
	add(...rails(0, layout.width), ...layout.bars.map((b) => bar(b, layout.width)));
	let last = -Infinity;
	let begun = performance.now();
	for (const placed of [...layout.events]) {
		if (!keep(placed.event)) continue;
		if (placed.x - last > 120) {
			add(stamp(placed.x, Date.parse(placed.event.at)));
			last = placed.x;
		}
		const drawn = event(placed);
		drawn.append(node("title", {}, `${at(Date.parse(placed.event.at))} ${placed.event.title}`));
		add(drawn);
		if (performance.now() - begun > 8) {
			await new Promise((go) => setTimeout(go));
			begun = performance.now();
		}
	}
	parts.push("</g></svg>");
	return parts;
}

const exported = `
text{font:12px system-ui,sans-serif;fill:#586174}.name{font-weight:600;font-size:14px;fill:#1b2436}
.rail{stroke:#dcdde2}.life{opacity:.16}.lane-notes{fill:#0b6e66}.lane-reports{fill:#1d5fb8}.lane-wiki{fill:#a3470f}.lane-naive{fill:#586174}.lane-idp{fill:#6b4fd8}
.stem{stroke-width:2}.k-active *{stroke:#1b2436;fill:#1b2436}.k-passive *{stroke:#8a93a5;fill:#8a93a5}.k-passive .stem{stroke-dasharray:3 4}
.k-told *,.k-login *{stroke:#0b6e66;fill:#0b6e66}.k-asked *{stroke:#7a5c00;fill:#7a5c00}.k-delivered *{stroke:#6b4fd8;fill:#6b4fd8}
.k-refused *,.k-ended *,.k-lost *{stroke:#b3261e;fill:#b3261e}.k-trouble *{stroke:#9a5b00;fill:#9a5b00}.k-control *{stroke:#586174;fill:#586174}
.k-step *{stroke:#586174;fill:#586174}.k-step .number{stroke:none;fill:#fff!important}
.k-ended .cross{stroke:#fff}.cross{stroke-width:2;fill:none!important}text.gap{stroke:none!important;fill:#586174!important}
`;
