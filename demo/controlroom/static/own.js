// Try your own IdP: the form, and what has been seen. The secret goes one way, and
// is neither kept nor shown.
import { at, format, parse } from "./time.js";

const $ = (id) => document.getElementById(`own-${id}`);

function el(name, text, cls) {
	const n = document.createElement(name);
	n.textContent = text;
	if (cls) n.className = cls;
	return n;
}

export class Own {
	#form = $("form");
	#shown = "";

	constructor(toast) {
		this.#form.addEventListener("submit", (e) => {
			e.preventDefault();
			this.#begin();
		});
		$("end").addEventListener("click", () => fetch("/own/end", { method: "POST" }));
		$("uris").addEventListener("click", async (e) => {
			const b = e.target.closest("button");
			if (!b) return;
			await navigator.clipboard.writeText(b.dataset.url);
			toast(`Copied: ${b.dataset.url}`);
		});
	}

	// fault shows what is wrong at its field.
	#fault(field, text) {
		const input = this.#form.elements[field];
		for (const other of this.#form.elements) other.removeAttribute("aria-invalid");
		for (const small of this.#form.querySelectorAll(".field-error")) small.textContent = "";
		$("answer").textContent = "";
		if (!text) return;
		if (!input || !$(`${field}-error`)) {
			$("answer").textContent = text;
			return;
		}
		$(`${field}-error`).textContent = text;
		input.setAttribute("aria-invalid", "true");
		const more = input.closest("details");
		if (more) more.open = true;
		input.focus();
	}

	async #begin() {
		const to = {};
		for (const input of this.#form.elements) if (input.name) to[input.name] = input.value;
		to.window = parse(to.window);
		if (to.window === null) return this.#fault("window", "Write it as 15m or 1h30m; leave it empty if you do not know it.");
		this.#fault("", "");
		$("begin").disabled = true;
		$("answer").textContent = "Asking the IdP …";
		try {
			const answer = await fetch("/own", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(to) });
			const body = await answer.json();
			if (!answer.ok) return this.#fault(body.field, body.error_description);
			this.#fault("", "");
			this.#form.elements.client_secret.value = "";
		} catch {
			this.#fault("", "The control room cannot be reached.");
		} finally {
			$("begin").disabled = false;
		}
	}

	// show what the server knows.
	show(state) {
		const key = JSON.stringify(state);
		if (key === this.#shown) return;
		this.#shown = key;
		const run = state.running;
		$("setup").hidden = Boolean(run);
		$("running").hidden = !run;
		$("uris").replaceChildren(...state.uris.flatMap(({ name, url }) => {
			const dd = el("dd", "");
			const copy = el("button", "Copy");
			copy.type = "button";
			copy.dataset.url = url;
			copy.ariaLabel = `Copy the address for ${name}`;
			dd.append(el("code", url), copy);
			return [el("dt", name), dd];
		}));
		$("command").textContent = `TANDEM_CLIENT_SECRET=… go run ./demo -app ${(run?.kind ?? "refresh-token").replace("-", "")} -issuer ${run?.issuer ?? "URL"} -client-id ${run?.client_id ?? "ID"} -diagnose`;
		if (!run) return;
		$("facts").replaceChildren(...[["Issuer", run.issuer], ["Client", `${run.client_id}, ${run.kind}`], ["Its idle window", run.window ? format(run.window) : "not given"], ["The app", state.base_url]]
			.flatMap(([dt, dd]) => [el("dt", dt), el("dd", dd)]));
		$("open").href = `${state.base_url}/private`;
		$("ask").href = `${state.base_url}/auth/login?silent=1&return_to=/private`;
		$("findings").replaceChildren(...run.findings.map((f) => el("li", f.text, f.serious ? "serious" : "")));
		$("answers").replaceChildren(...run.answers.flatMap((a) => {
			const dt = el("dt", a.question);
			const said = { yes: "yes", no: "no", unseen: "not seen yet" }[a.answer];
			dt.append(" ", el("span", a.id === "after" && a.answer === "yes" ? "seen" : said, `badge said-${a.answer}`));
			const dd = el("dd", a.text);
			dd.dataset.answer = a.id;
			dd.dataset.said = a.answer;
			return [dt, dd];
		}));
		$("lines").replaceChildren(...run.lines.toReversed().map((l) => {
			const li = el("li", "");
			li.append(el("time", at(Date.parse(l.at))), " ", l.text);
			return li;
		}));
	}
}
