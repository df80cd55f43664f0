// The stories: chosen here, told by the server, followed in its snapshots. A step waits for
// its reader, who goes on with a button or the space bar.
const $ = (id) => document.getElementById(id);

export class Stories {
	#order;
	#chosen; // "" after a person has left the story
	#busy = false;
	#begun = false; // the first step was ordered
	#focus; // the button that had it until it was disabled
	#trouble = "";
	#read = ""; // what was said last

	constructor(order, chosen) {
		this.#order = order;
		const chips = [...document.querySelectorAll("[data-story]")];
		for (const b of chips) b.addEventListener("click", () => this.choose(b.dataset.story));
		for (const b of document.querySelectorAll("[data-tell]")) b.addEventListener("click", () => this.#tell(b.dataset.tell));
		$("leave").addEventListener("click", () => this.#leave());
		$("begin").addEventListener("click", () => {
			this.choose($("begin").dataset.first);
			this.#tell("step");
		});
		$("pace").value = sessionStorage.getItem("pace") ?? $("pace").value;
		$("pace").addEventListener("change", () => sessionStorage.setItem("pace", $("pace").value));
		this.#rove(chips);
		document.addEventListener("keydown", (e) => this.#key(e));
		const sizes = new ResizeObserver((all) => all.forEach(({ target }) => reveal(target)));
		for (const list of document.querySelectorAll(".steps")) sizes.observe(list);
		this.#chosen = chosen ?? undefined;
		$("picker").open = roomy();
		if (chosen) this.choose(chosen);
	}

	// rove makes the list one stop of the Tab key; arrow keys move within it.
	#rove(chips) {
		const reach = (b) => chips.forEach((c) => (c.tabIndex = c === b ? 0 : -1));
		reach(chips[0]);
		chips[0].parentElement.addEventListener("keydown", (e) => {
			const i = chips.indexOf(document.activeElement);
			const to = { ArrowDown: chips[i + 1], ArrowUp: chips[i - 1], Home: chips[0], End: chips.at(-1) }[e.key];
			if (!to) return;
			e.preventDefault();
			reach(to);
			to.focus();
		});
	}

	// key: the space bar goes on, unless it means something where the focus is.
	#key(e) {
		if (e.key !== " " || e.ctrlKey || e.altKey || e.metaKey || !this.#chosen || document.querySelector("dialog[open]")) return;
		if (e.target.closest("button, a, input, select, textarea, summary, [contenteditable]")) return;
		const next = document.querySelector(`#story-${this.#chosen} [data-tell=step]`);
		e.preventDefault();
		if (!next.hidden && !next.disabled) next.click();
	}

	get chosen() {
		return this.#chosen;
	}

	choose(id) {
		this.#chosen = id;
		sessionStorage.setItem("story", JSON.stringify(id));
		for (const b of document.querySelectorAll("[data-story]")) b.setAttribute("aria-pressed", String(b.dataset.story === id));
		for (const a of document.querySelectorAll(".story")) a.hidden = a.id !== `story-${id}`;
		$("picker").open = !id && roomy();
		document.body.classList.toggle("told", Boolean(id));
		if (!id) return;
		document.querySelector(`#story-${id} .steps`).scrollTop = 0;
		this.follow(this.state);
		scrollTo(0, 0);
	}

	#leave() {
		this.#order({ do: "stop" });
		this.choose("");
		$("begin").focus();
	}

	async #tell(what) {
		if (this.#busy && what !== "stop") return;
		this.#busy = true;
		this.#trouble = "";
		this.#begun = ["step", "play", "next"].includes(what);
		this.follow(this.state); // a button that would be ignored now is shown so
		if (what === "next") {
			this.choose($(`story-${this.#chosen}`).dataset.next);
			what = "step";
		}
		const fresh = this.state?.id !== this.#chosen || this.state.step >= this.state.steps.length || this.state.error;
		const pace = { pace: Number($("pace").value), on: $("quick").checked };
		try {
			if (what === "stop" || what === "back") this.#trouble = await this.#order({ do: what });
			else {
				if (what === "again" || fresh) if ((this.#trouble = await this.#order({ do: "story", story: this.#chosen }))) return;
				if (what !== "again") this.#trouble = await this.#order({ do: what, ...pace });
			}
		} finally {
			this.#busy = false;
			this.#begun &&= !this.#trouble;
			this.follow(this.state);
		}
	}

	// follow shows how far the story is.
	follow(state) {
		this.state = state;
		// Who comes back to the page in the middle of a story goes on with it.
		if (state && this.#chosen === undefined && state.step < state.steps.length) this.choose(state.id);
		const article = $(`story-${this.#chosen}`);
		if (!article) return;
		const mine = state?.id === this.#chosen ? state : null;
		const trouble = mine?.error || this.#trouble;
		const over = Boolean(mine && mine.step >= mine.steps.length);
		const begun = Boolean(mine && (mine.step > 0 || mine.busy || mine.playing));
		text(article.querySelector("[data-trouble]"), trouble);
		article.classList.toggle("begun", begun);
		article.classList.toggle("over", over);
		this.#buttons(article, mine, over, begun);
		this.#steps(article, mine);
	}

	#buttons(article, mine, over, begun) {
		const button = (name) => article.querySelector(`[data-tell=${name}]`);
		const playing = Boolean(mine?.playing);
		const focus = document.activeElement;
		button("stop").hidden = !playing;
		button("play").hidden = playing;
		text(button("play"), over ? "Play it again" : begun ? "Play the rest" : "Play it");
		button("step").hidden = over || playing;
		for (const name of ["play", "again", "next"]) button(name).disabled = this.#busy;
		button("step").disabled = this.#busy || Boolean(mine?.busy);
		button("step").setAttribute("aria-keyshortcuts", "Space");
		text(button("step"), begun ? "Next step" : "Start");
		button("back").hidden = !begun || playing;
		button("back").disabled = this.#busy || Boolean(mine?.busy || !mine?.step);
		button("again").hidden = !begun || over || playing;
		button("next").hidden = !over || playing;
		if (focus.disabled) this.#focus = focus;
		else if (focus !== document.body) this.#focus = undefined;
		else if (this.#focus && !this.#focus.disabled) this.#focus.focus();
	}

	#steps(article, mine) {
		const first = this.#begun && mine?.step === 0; // whatever comes first, an order's answer or its snapshot
		const current = mine ? (mine.busy || first ? mine.step : mine.step - 1) : -1;
		article.querySelectorAll(".steps > li").forEach((li, i) => {
			li.classList.toggle("done", Boolean(mine && i < mine.step));
			li.classList.toggle("now", Boolean(mine?.busy && i === mine.step));
			li.classList.toggle("current", i === current);
			if (i === current) li.setAttribute("aria-current", "step");
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
		const key = `${article.id} ${current} ${mine?.step === mine?.steps.length}`; // the end shows more of each step
		if (current < 0 || this.#read === key) return;
		this.#read = key;
		const list = article.querySelector(".steps");
		reveal(list);
		text($("story-said"), `Step ${current + 1} of ${list.children.length}. ${list.children[current].querySelector("p").textContent}`);
	}
}

// roomy: there is room for the list. A phone shows the sessions first.
const roomy = () => innerWidth > 640;

// reveal scrolls the list to its current step, the page not at all.
function reveal(list) {
	const li = list.querySelector(".current");
	if (li) list.scrollTop = li.offsetTop - list.offsetTop - 8;
}

function text(el, value) {
	if (el.textContent !== value) el.textContent = value;
}
