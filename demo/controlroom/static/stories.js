// The scenarios: chosen here, told by the server, followed in its snapshots.
export class Stories {
	#order;
	#chosen;
	#busy = false;
	#trouble = "";

	constructor(root, order, chosen) {
		this.#order = order;
		for (const b of root.querySelectorAll("[data-story]")) b.addEventListener("click", () => this.choose(b.dataset.story));
		for (const b of root.querySelectorAll("[data-tell]")) b.addEventListener("click", () => this.#tell(b.dataset.tell));
		if (chosen) this.choose(chosen);
	}

	get chosen() {
		return this.#chosen;
	}

	choose(id) {
		this.#chosen = id;
		sessionStorage.setItem("story", JSON.stringify(id));
		for (const b of document.querySelectorAll("[data-story]")) b.setAttribute("aria-pressed", String(b.dataset.story === id));
		for (const a of document.querySelectorAll(".story")) a.hidden = a.id !== `story-${id}`;
	}

	async #tell(what) {
		if (this.#busy && what !== "stop") return;
		this.#busy = true;
		this.#trouble = "";
		const fresh = this.state?.id !== this.#chosen || this.state.step >= this.state.steps.length || this.state.error;
		try {
			if (what === "stop") await this.#order({ do: "stop" });
			else {
				if (what === "again" || fresh) if ((this.#trouble = await this.#order({ do: "story", story: this.#chosen }))) return;
				if (what !== "again") this.#trouble = await this.#order({ do: what, on: what === "play" && document.getElementById("quick").checked });
			}
		} finally {
			this.#busy = false;
			this.follow(this.state);
		}
	}

	// follow shows how far the story is.
	follow(state) {
		this.state = state;
		if (state && !this.#chosen) this.choose(state.id);
		const article = document.getElementById(`story-${this.#chosen}`);
		if (!article) return;
		const mine = state?.id === this.#chosen ? state : null;
		const button = (name) => article.querySelector(`[data-tell=${name}]`);
		const trouble = mine?.error || this.#trouble;
		if (article.querySelector("[data-trouble]").textContent !== trouble) article.querySelector("[data-trouble]").textContent = trouble;
		const over = mine && mine.step >= mine.steps.length;
		button("stop").hidden = !mine?.playing;
		button("play").hidden = Boolean(mine?.playing);
		button("play").textContent = over ? "Play it again" : mine?.step ? "Play the rest" : "Play it";
		button("step").disabled = Boolean(mine?.busy || mine?.playing);
		button("step").hidden = Boolean(over);
		button("step").textContent = mine ? "Next step" : "Step by step";
		button("again").hidden = !mine || over || mine.playing || mine.step === 0;
		article.querySelectorAll(".steps > li").forEach((li, i) => {
			li.classList.toggle("done", Boolean(mine && i < mine.step));
			li.classList.toggle("now", Boolean(mine?.busy && i === mine.step));
			if (mine?.busy && i === mine.step) li.setAttribute("aria-current", "step");
			else li.removeAttribute("aria-current");
			li.querySelectorAll("[data-check]").forEach((mark, k) => {
				const ok = mine?.steps[i].checks[k].ok ?? null;
				const sign = ok === null ? "·" : ok ? "✓" : "✗";
				if (mark.textContent === sign) return;
				mark.textContent = sign;
				mark.setAttribute("role", "img");
				mark.setAttribute("aria-label", ok === null ? "not looked at yet" : ok ? "true" : "not so");
				mark.dataset.ok = String(ok);
			});
		});
	}
}
