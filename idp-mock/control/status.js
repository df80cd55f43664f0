"use strict";
const cell = (row, value) => { const td = row.insertCell(); if (value instanceof Node) td.append(value); else td.textContent = value ?? ""; };
const rows = (id, list, fill) => {
  const body = document.querySelector("#" + id + " tbody");
  body.replaceChildren();
  for (const one of list) fill(body.insertRow(), one);
  if (!list.length) { const td = body.insertRow().insertCell(); td.colSpan = 9; td.textContent = "none"; }
};
const button = (text, label, act) => { const b = document.createElement("button"); b.textContent = text; b.setAttribute("aria-label", label); b.onclick = act; return b; };
const call = async (method, path, body) => {
  const answer = await fetch(path, { method, body: body && JSON.stringify(body) });
  if (!answer.ok) throw new Error(method + " " + path + ": " + answer.status);
  return answer.status === 204 ? null : answer.json();
};
const time = text => new Date(text).toLocaleTimeString();
let now = 0;
const left = text => { const s = Math.max(0, Math.round((new Date(text) - now) / 1000)); const two = n => String(n).padStart(2, "0"), h = Math.floor(s / 3600);
  return (h ? h + ":" + two(Math.floor(s / 60) % 60) : Math.floor(s / 60)) + ":" + two(s % 60); };
const act = f => async () => { try { await f(); await show(); } catch (e) { trouble(e); } };
const trouble = e => { document.getElementById("trouble").textContent = e ? String(e) : ""; };

async function show() {
  const [clock, sessions, clients, faults, events, requests] = await Promise.all(
    ["clock", "sessions", "clients", "faults", "events", "requests?limit=50"].map(p => call("GET", p)));
  now = new Date(clock.now);
  document.getElementById("clock").textContent = now.toLocaleString();
  const focused = document.activeElement?.getAttribute("aria-label"); // the button may be drawn anew under the person's finger
  rows("sessions", sessions, (row, s) => {
    [s.username, s.sid.slice(0, 8) + "…", time(s.auth_time), left(s.idle_deadline), left(s.absolute_deadline)].forEach(v => cell(row, v));
    cell(row, s.clients.map(c => c.id + " (" + time(c.last_active) + ")").join(", "));
    const path = "sessions/" + encodeURIComponent(s.sid), both = document.createElement("span");
    both.append(button("Extend", "extend the session of " + s.username, act(() => call("POST", path + "/extend"))),
      button("End", "end the session of " + s.username, act(() => call("DELETE", path))));
    cell(row, both);
  });
  if (focused) [...document.querySelectorAll("#sessions button")].find(b => b.getAttribute("aria-label") === focused)?.focus();
  rows("clients", clients, (row, c) => [c.id, c.access_token_type, c.refresh_tokens ? "yes" : "no", c.backchannel_logout_uri,
    c.exempt ? "exempt" : c.coordinate_lifetime ?? "as the provider"].forEach(v => cell(row, v)));
  rows("faults", faults, (row, f) => {
    const { client, endpoint, times, skip, ...what } = f;
    [client ?? "every", endpoint ?? "every", JSON.stringify(what), times < 0 ? "always" : times].forEach(v => cell(row, v));
  });
  rows("events", events.slice(-30).reverse(), (row, e) => [time(e.time), e.kind, e.client, e.sub, e.endpoint, e.outcome].forEach(v => cell(row, v)));
  rows("requests", requests.reverse(), (row, r) => [time(r.time), r.endpoint, r.client, r.status || "cut", r.error,
    Object.entries(r.params ?? {}).map(([k, v]) => k + "=" + v).join(" ")].forEach(v => cell(row, v)));
  trouble();
}
for (const b of document.querySelectorAll("[data-advance]")) b.onclick = act(() => call("POST", "clock/advance", { by: b.dataset.advance }));
(async function loop() { try { await show(); } catch (e) { trouble(e); } setTimeout(loop, 1000); })();
