// Where the events stand on the timeline. Pure, so that it can be tested and
// exported.
//
// Time runs to the right, but not evenly: what happens in one moment is pulled
// apart so that each event can be pointed at, and a long silence is drawn short,
// with its length written into the gap.

export const lanes = ["person", "notes", "reports", "wiki", "naive", "api", "idp"];
export const laneHeight = 34;
export const top = 32;
export const height = top + lanes.length * laneHeight;

const least = 22; // pixels between two events
const most = 110; // drawn for a silence, however long
const perSecond = 7;

export function laneY(lane) {
	const i = lanes.indexOf(lane);
	return i < 0 ? null : top + (i + 0.5) * laneHeight;
}

// Layout places events as they come, in the order of the log.
export class Layout {
	events = []; // {event, x, y0, y1, gap}
	steps = []; // of a story: where they begin
	bars = []; // lives of sessions: {lane, key, x0, x1}
	#time = 0;
	#open = new Map();
	width = 60;

	add(event) {
		const time = Date.parse(event.at);
		let x = 40;
		let gap = 0;
		if (this.events.length > 0) {
			const seconds = Math.max(0, (time - this.#time) / 1000);
			const step = Math.min(most, Math.max(least, seconds * perSecond));
			if (seconds * perSecond > most) gap = seconds;
			x = this.events.at(-1).x + step;
		}
		this.#time = Math.max(this.#time, time);
		this.events.push({ event, x, y0: laneY(event.from) ?? laneY("idp"), y1: laneY(event.to), gap });
		this.width = x + 75; // the clock beside a step needs the room
		if (event.kind === "step") this.steps.push({ id: event.id, x });
		this.#live(event, x);
	}

	// live opens and closes the bars.
	#live(event, x) {
		const open = (lane, key) => {
			if (this.#open.has(lane + key)) return;
			const bar = { lane, key, x0: x, x1: null };
			this.#open.set(lane + key, bar);
			this.bars.push(bar);
		};
		if (event.kind === "login") {
			if (event.to === "idp" && event.sid) open("idp", event.sid);
			else if (event.session) open(event.to, event.session);
		}
		if (event.kind === "ended") {
			const key = event.session ?? event.sid;
			const bar = this.#open.get(event.from + key);
			if (bar) {
				bar.x1 = x;
				this.#open.delete(event.from + key);
			}
		}
	}

	// between returns the indexes of the events from x0 to x1.
	between(x0, x1) {
		const find = (x) => {
			let lo = 0;
			let hi = this.events.length;
			while (lo < hi) {
				const mid = (lo + hi) >> 1;
				if (this.events[mid].x < x) lo = mid + 1;
				else hi = mid;
			}
			return lo;
		};
		return [find(x0), find(x1)];
	}

	// at returns the index of the event nearest to x.
	at(x) {
		const [i] = this.between(x, x);
		if (i === 0) return this.events.length ? 0 : -1;
		if (i === this.events.length) return i - 1;
		return x - this.events[i - 1].x < this.events[i].x - x ? i - 1 : i;
	}
}
