// The control room: what the server pushes is shown, what people press is sent.
import { Cards, groups, person } from "./cards.js";
import { Swim, details, kinds } from "./swim.js";
import { Stories } from "./stories.js";
import { Ends } from "./ends.js";
import { Own } from "./own.js";
import { Planner } from "./planner.js";
import { Compare } from "./compare.js";
import { standalone } from "./draw.js";
import { Clock, ago, at, format, parse } from "./time.js";

const names = { person: "Person", notes: "Notes", reports: "Reports", wiki: "Wiki", naive: "Homemade", api: "API", idp: "IdP", room: "Control room" };
const $ = (selector) => document.querySelector(selector);
const clock = new Clock();
const remembered = (key, fallback) => JSON.parse(sessionStorage.getItem(key) ?? "null") ?? fallback;
const remember = (key, value) => sessionStorage.setItem(key, JSON.stringify(value));

let snapshot = null;
let chosen = remembered("sid", null);
const hidden = new Set(remembered("hidden", []));
const ends = new Map(); // the "ended" events, by lane and session

// Orders.

async function order(o) {
	try {
		const answer = await fetch("/act", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(o) });
		const body = await answer.json();
		if (!answer.ok) throw new Error(body.error_description ?? body.error);
		if (body.done) toast(body.done);
		return "";
	} catch (e) {
		toast(e.message);
		return e.message;
	}
}

let toastTimer;
function toast(text) {
	$("#toast").textContent = text;
	clearTimeout(toastTimer);
	toastTimer = setTimeout(() => ($("#toast").textContent = ""), 4000);
}

document.addEventListener("click", async (e) => {
	const b = e.target.closest("button");
	if (!b) return;
	const card = b.closest("[data-card]");
	const d = b.dataset;
	b.classList.add("busy");
	if (d.do) await order({ do: d.do, seconds: Number(d.seconds ?? 0), user: d.user });
	else if (d.toggle) await order({ do: d.toggle, on: b.getAttribute("aria-pressed") !== "true" });
	else if (d.act) await order({ do: d.act, app: card.dataset.card, session: card.dataset.session, sid: card.dataset.sid });
	b.classList.remove("busy");
});

document.addEventListener("change", (e) => {
	const pilot = e.target.dataset.pilot;
	if (pilot) order({ do: "pilot", app: pilot, seconds: e.target.checked ? 10 : 0 });
});

// A phone has room for one card.

for (const b of document.querySelectorAll("[data-pick]")) b.addEventListener("click", () => pick(b.dataset.pick));
function pick(id) {
	for (const b of document.querySelectorAll("[data-pick]")) b.setAttribute("aria-pressed", String(b.dataset.pick === id));
	for (const card of document.querySelectorAll("[data-card]")) card.classList.toggle("picked", card.dataset.card === id);
}
pick("idp");

function showPicks() {
	for (const b of document.querySelectorAll("[data-pick]")) {
		const card = $(`[data-card=${b.dataset.pick}]`);
		b.hidden = card.hidden;
		b.dataset.is = card.dataset.state;
	}
}

// Settings.

const settings = $("#settings");
let touched = false;
settings.addEventListener("input", () => (touched = true));
settings.addEventListener("submit", async (e) => {
	e.preventDefault();
	const to = {};
	for (const input of settings.elements) {
		if (!input.name) continue;
		to[input.name] = input.type === "checkbox" ? input.checked : input.tagName === "SELECT" ? input.value : parse(input.value);
		if (to[input.name] === null) return input.reportValidity();
	}
	$("#settings-answer").textContent = ""; // that of the last time
	const problem = await order({ do: "settings", settings: to });
	$("#settings-answer").textContent = problem || "Applied.";
	if (!problem) touched = false;
});

function showSettings(s) {
	if (touched) return;
	for (const input of settings.elements) {
		if (!(input.name in s)) continue;
		if (input.type === "checkbox") input.checked = s[input.name];
		else if (input.tagName === "SELECT") input.value = s[input.name];
		else input.value = format(s[input.name]);
	}
}

// Why a session is over: the app says its reason, the timeline the IdP's.

function why(id, data, reason) {
	const event = ends.get(id === "idp" ? "idp" + data.sid : id + data.session);
	const words = document.querySelector(`template[data-reason="${CSS.escape(reason ?? "")}"]`);
	if (words) return { title: words.dataset.title, text: words.content.textContent, reason };
	if (event) return { title: event.title, text: event.text, reason: event.reason };
	return { title: "It is over", text: "", reason: reason ?? "" };
}

const stories = new Stories(order, remembered("story", null));
const own = new Own(toast);
new Planner();
new Compare();
const cards = new Cards($("#cards"), clock, why);

// The timeline.

const swim = new Swim($("#scroll"), $("#swim"), hidden, (e) => {
	const clause = e.clause && document.querySelector(`template[data-clause="${e.clause}"]`);
	$("#details").replaceChildren(...details(e, names, clause));
});

new Ends(() => swim.all, names, (id) => {
	swim.show(id);
	$("#scroll").scrollIntoView({ block: "center" });
});

for (const [kind, label] of Object.entries(kinds)) {
	const b = document.createElement("button");
	b.type = "button";
	b.textContent = label;
	b.className = `chip k-${kind}`;
	b.setAttribute("aria-pressed", String(!hidden.has(kind)));
	b.addEventListener("click", () => {
		if (!hidden.delete(kind)) hidden.add(kind);
		b.setAttribute("aria-pressed", String(!hidden.has(kind)));
		remember("hidden", [...hidden]);
		swim.refresh();
	});
	$("#filters").append(b);
}

$("#pause").addEventListener("click", (e) => {
	const on = e.target.getAttribute("aria-pressed") !== "true";
	e.target.setAttribute("aria-pressed", String(on));
	e.target.textContent = on ? "Go on" : "Pause";
	swim.pause(on);
});

$("#export-svg").addEventListener("click", async () => {
	const parts = await standalone(swim.layout, names, (e) => !hidden.has(e.kind));
	const a = document.createElement("a");
	a.href = URL.createObjectURL(new Blob(parts, { type: "image/svg+xml" }));
	a.download = "tandem-timeline.svg";
	a.click();
	URL.revokeObjectURL(a.href);
});

const list = $("#list");
function listed(events) {
	for (const e of events.slice(-30)) {
		const li = document.createElement("li");
		li.dataset.id = e.id;
		const b = document.createElement("button");
		b.type = "button";
		b.className = "line";
		const time = document.createElement("time");
		time.textContent = at(Date.parse(e.at));
		const mark = document.createElement("span");
		mark.className = `mark k-${e.kind}`;
		b.append(time, mark, e.title);
		b.addEventListener("click", () => swim.show(e.id));
		li.append(b);
		list.prepend(li);
	}
	while (list.children.length > 30) list.lastChild.remove();
}

// What the server pushes.

function tabs() {
	const all = groups(snapshot);
	if (!all.some((g) => g.sid === chosen) || (!all.find((g) => g.sid === chosen).live && all[0]?.live && chosenByUs)) {
		chosen = all[0]?.sid ?? null;
		chosenByUs = true;
	}
	const root = $("#tabs");
	const key = JSON.stringify([all, chosen]);
	if (root.dataset.key === key) return;
	root.dataset.key = key;
	root.hidden = all.length < 2;
	const focused = root.contains(document.activeElement);
	root.replaceChildren(...all.map((g) => {
		const b = document.createElement("button");
		b.type = "button";
		b.className = "tab";
		b.role = "tab";
		b.ariaSelected = String(g.sid === chosen);
		b.textContent = `${person(g.subject)} · ${g.live ? "live" : "over"}`;
		b.title = `since ${at(g.began)}`;
		b.addEventListener("click", () => {
			chosen = g.sid;
			chosenByUs = false;
			remember("sid", chosen);
			show();
		});
		return b;
	}));
	if (focused) root.querySelector("[aria-selected=true]")?.focus();
}
let chosenByUs = chosen === null;
let told;

function show() {
	tabs();
	cards.update(snapshot, chosen);
	cards.naive(snapshot.naive);
	if (snapshot.story?.id !== told) chosenByUs = true; // a new story has people of its own
	told = snapshot.story?.id;
	stories.follow(snapshot.story);
	cards.tick();
	showPicks();
	showSettings(snapshot.settings);
	own.show(snapshot.own);
	for (const b of document.querySelectorAll("[data-do=speed]")) b.setAttribute("aria-pressed", String(Number(b.dataset.seconds) === snapshot.speed));
	for (const [name, on] of Object.entries({ "idp-down": snapshot.idp_down, "idp-hangs": snapshot.idp_hangs, "api-broken": snapshot.api_broken, lose: snapshot.losing })) {
		$(`[data-toggle=${name}]`).setAttribute("aria-pressed", String(on));
	}
	for (const box of document.querySelectorAll("[data-pilot]")) box.checked = box.dataset.pilot in snapshot.pilots;
}

// anew empties the timeline when the server has.
let epoch = null;
function anew(of) {
	if (epoch !== null && of !== epoch) {
		swim.clear();
		ends.clear();
		list.replaceChildren();
	}
	epoch = of;
}

// However much the server pushes, the page changes once a frame, and a little.
const perFrame = 120; // events
let latest = null; // snapshot, as text
let incoming = [];
let due = false;

function ask() {
	if (due) return;
	due = true;
	requestAnimationFrame(frame);
}

function frame() {
	due = false;
	const events = incoming.splice(0, perFrame);
	for (const event of events) {
		if (event.kind === "ended") ends.set(event.from + (event.session ?? event.sid), event);
	}
	if (events.length > 0) {
		swim.add(events);
		listed(events);
	}
	if (incoming.length > 0) return ask();
	if (latest === null) return;
	snapshot = JSON.parse(latest);
	latest = null;
	anew(snapshot.epoch);
	clock.set(Date.parse(snapshot.now), snapshot.speed);
	show();
	document.documentElement.dataset.epoch = epoch; // of what is shown
}

const stream = new EventSource("/events");
stream.addEventListener("snapshot", (e) => {
	latest = e.data;
	ask();
});
stream.addEventListener("log", (e) => {
	const { epoch: of, events } = JSON.parse(e.data);
	if (of !== epoch) {
		incoming = [];
		latest = null; // of before
	}
	anew(of);
	incoming.push(...events);
	ask();
});
stream.addEventListener("error", () => document.body.classList.add("offline"));
stream.addEventListener("open", () => document.body.classList.remove("offline"));

setInterval(() => {
	$("#now").value = at(clock.now());
	const ahead = Math.round((clock.now() - Date.now()) / 1000);
	$("#offset").textContent = ahead > 1 ? `${ago(ahead)} ahead of yours` : "";
	if (snapshot) cards.tick();
}, 200);
