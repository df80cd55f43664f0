// The demo apps' pages. What becomes of the session is session.js's business; this
// is what the apps have beside it: countdowns, buttons, and the form of Notes.
import { fetch, session } from "/auth/session.js";

// --- countdowns: asked for in the background, which extends nothing

const limits = {};
const every = 3000; // ms

// What is left; the ring is full at the most that was seen.
function note(status) {
	const now = performance.now();
	for (const [name, kinds] of [["idle", ["idle", "trust"]], ["absolute", ["fixed"]]]) {
		const ms = Math.min(...status.limits.filter((l) => kinds.includes(l.kind)).map((l) => l.end_ms)); // Infinity: none
		limits[name] = { whole: Math.max(limits[name]?.whole ?? 0, ms / 1000), end: now + ms };
	}
	draw();
}

function draw() {
	for (const ring of document.querySelectorAll("[data-ring]")) {
		const limit = limits[ring.dataset.ring];
		if (!limit) continue;
		const value = ring.querySelector(".ring-value");
		const hand = ring.querySelector(".hand");
		ring.hidden = limit.end === Infinity; // there is no such limit
		if (ring.hidden) continue;
		const left = Math.max(0, (limit.end - performance.now()) / 1000);
		value.value = text(left);
		ring.classList.toggle("low", left < 20);
		hand.setAttribute("stroke-dasharray", `${limit.whole ? (100 * left) / limit.whole : 0} 100`);
	}
}

function text(seconds) {
	const s = Math.ceil(seconds);
	if (s >= 3600) return `${Math.floor(s / 3600)} h ${String(Math.floor((s % 3600) / 60)).padStart(2, "0")}`;
	return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

async function look() {
	if (document.hidden) return;
	try {
		const answer = await fetch("/auth/session", { headers: { "Tandem-Activity": "passive" } });
		const status = answer.ok ? await answer.json() : {};
		if (status.state === "live") note(status);
	} catch {
		// The session has ended, or the server is away; session.js sees to both.
	}
}

if (document.querySelector("[data-ring]")) {
	look();
	const timers = [setInterval(look, every), setInterval(draw, 250)];
	document.addEventListener("visibilitychange", look);
	session.addEventListener("ended", () => timers.forEach(clearInterval));
}

// --- buttons that fetch, and show the answer

for (const button of document.querySelectorAll("[data-fetch]")) {
	button.addEventListener("click", async () => {
		const out = document.getElementById("answer");
		try {
			const answer = await fetch(button.dataset.fetch, { headers: { Accept: "application/json" } });
			const body = await answer.text();
			if (answer.ok && button.hasAttribute("data-tabulate")) return tabulate(JSON.parse(body));
			out.textContent = `${answer.status} ${answer.statusText}\n${pretty(body)}`;
		} catch (e) {
			out.textContent = String(e);
		} finally {
			look();
		}
		out.hidden = false;
	});
}

function pretty(body) {
	try {
		return JSON.stringify(JSON.parse(body), null, 2);
	} catch {
		return body;
	}
}

// tabulate fills the table of Reports with the API's answer.
function tabulate(answer) {
	const row = ([name, value]) => {
		const tr = document.createElement("tr");
		const th = Object.assign(document.createElement("th"), { scope: "row", textContent: name.replaceAll("_", " ") });
		const td = Object.assign(document.createElement("td"), { textContent: Array.isArray(value) ? value.join(", ") : String(value) });
		tr.append(th, td);
		return tr;
	};
	document.querySelector("#report tbody").replaceChildren(...Object.entries(answer).map(row));
}

// The IdP may send the browser on to where it has signed in itself, which the page's
// form-action would forbid to a form.
document.querySelector("form.account")?.addEventListener("submit", (e) => {
	e.preventDefault();
	session.logout();
});

// --- the form of Notes

const form = document.querySelector("form[data-save]");
form?.addEventListener("submit", async (e) => {
	e.preventDefault();
	const said = form.querySelector("output");
	said.value = "Saving …";
	try {
		const answer = await fetch(form.action, { method: "POST", headers: { Accept: "application/json" }, body: new URLSearchParams(new FormData(form)) });
		const body = await answer.json();
		if (answer.status !== 201) throw new Error(body.error_description ?? body.error);
		const item = document.getElementById("note-item").content.cloneNode(true);
		item.querySelector("strong").textContent = body.title;
		item.querySelector("span").textContent = body.text;
		const list = document.getElementById("notes");
		list.prepend(item);
		while (list.children.length > body.kept) list.lastElementChild.remove();
		document.getElementById("no-notes")?.remove();
		form.reset(); // the output, too
		said.value = `Saved, ${body.characters} characters.`;
	} catch (problem) {
		said.value = `Not saved: ${problem.message}`;
	}
});
session.addEventListener("restored", () => {
	if (form) form.querySelector("output").value = "What you had typed is back.";
});
