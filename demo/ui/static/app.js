// The demo apps' pages: countdowns that never extend the session, and the end as
// it happens.
const main = document.getElementById("main");
const prefix = main.dataset.prefix;
const live = document.querySelector("[data-live]");
const limits = {};

// Seconds that are left; the ring is full at the most that was seen.
function note(status) {
	const now = performance.now();
	for (const [name, left] of [["idle", status.idle_seconds], ["absolute", status.absolute_seconds]]) {
		const known = limits[name] ?? { whole: 0 };
		limits[name] = left === null ? { whole: 0, end: null } : { whole: Math.max(known.whole, left), end: now + left * 1000 };
	}
	draw();
}

function draw() {
	for (const ring of document.querySelectorAll("[data-ring]")) {
		const limit = limits[ring.dataset.ring];
		if (!limit) continue;
		const value = ring.querySelector(".ring-value");
		const hand = ring.querySelector(".hand");
		if (limit.end === null) {
			value.value = "no limit";
			hand.setAttribute("stroke-dasharray", "100 0");
			continue;
		}
		const left = Math.max(0, (limit.end - performance.now()) / 1000);
		value.value = text(left);
		ring.classList.toggle("low", left < 20);
		hand.setAttribute("stroke-dasharray", `${limit.whole ? (100 * left) / limit.whole : 0} 100`);
	}
}

function text(seconds) {
	const s = Math.ceil(seconds);
	if (s >= 3600) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")} m`;
	return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

// What is private leaves the page at once.
function ended(reason) {
	stop();
	const page = document.getElementById("ended").content.cloneNode(true);
	const words = document.querySelector(`template[data-reason="${CSS.escape(reason)}"]`);
	page.querySelector("[data-title]").textContent = words?.dataset.title ?? "";
	page.querySelector("[data-text]").textContent = words?.content.textContent ?? "";
	page.querySelector("[data-reason]").textContent = reason;
	main.replaceChildren(page);
}

async function look() {
	try {
		const answer = await fetch(`${prefix}/session`, { headers: { "Tandem-Activity": "passive" } });
		if (!answer.ok) return;
		const status = await answer.json();
		if (status.state === "live") note(status);
		else if (status.state === "ended") ended(status.reason);
	} catch {
		// The server is away; the next look may find it again.
	}
}

let stream, poll, tick;
function stop() {
	stream?.close();
	clearInterval(poll);
	clearInterval(tick);
}

if (live) {
	look();
	stream = new EventSource(`${prefix}/events`);
	stream.addEventListener("session", (e) => note(JSON.parse(e.data)));
	stream.addEventListener("ended", (e) => ended(JSON.parse(e.data).reason));
	poll = setInterval(look, 5000);
	tick = setInterval(draw, 250);
	addEventListener("pageshow", (e) => e.persisted && look());
}

for (const button of document.querySelectorAll("[data-fetch]")) {
	button.addEventListener("click", async () => {
		const out = document.getElementById("answer");
		out.hidden = false;
		try {
			const answer = await fetch(button.dataset.fetch, { headers: { Accept: "application/json" } });
			const body = await answer.text();
			out.textContent = `${answer.status} ${answer.statusText}\n${pretty(body)}`;
			if (answer.status === 401) look();
		} catch (e) {
			out.textContent = String(e);
		}
	});
}

function pretty(body) {
	try {
		return JSON.stringify(JSON.parse(body), null, 2);
	} catch {
		return body;
	}
}
