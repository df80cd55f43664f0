// ask calls the back end. Who is not logged in is sent to the log-in by the page itself, since
// a fetch that follows a redirect to the IdP ends nowhere.
async function ask(path, options) {
  const answer = await fetch(path, options);
  if (answer.status === 401) {
    const { login_url } = await answer.json();
    if (login_url) location.assign(`${login_url}${login_url.includes("?") ? "&" : "?"}return_to=${encodeURIComponent(location.pathname)}`);
    return null;
  }
  if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
  return answer;
}

const list = document.getElementById("notes");

async function show() {
  const answer = await ask("/api/notes");
  if (!answer) return;
  list.replaceChildren(...(await answer.json()).map(({ id, text }) => {
    const item = document.createElement("li");
    const remove = document.createElement("button");
    remove.textContent = "Remove";
    remove.onclick = async () => { if (await ask(`/api/notes/${id}`, { method: "DELETE" })) show(); };
    item.append(text, " ", remove);
    return item;
  }));
  live();
}

document.getElementById("add").onsubmit = async (event) => {
  event.preventDefault();
  const body = JSON.stringify({ text: event.target.text.value });
  if (await ask("/api/notes", { method: "POST", headers: { "Content-Type": "application/json" }, body })) {
    event.target.reset();
    show();
  }
};

// live shows what the back end sends. That the session has ended session.js tells by itself.
let socket;
function live() {
  if (socket) return;
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live`);
  socket.onmessage = (event) => { document.getElementById("time").textContent = event.data; };
  socket.onclose = () => { socket = null; };
}

show();
