// checksession.js asks the IdP's frame whether its session has changed (OpenID Connect
// Session Management 1.0 §3.2), while somebody can see the page. It runs in a frame of the
// app's own origin. What it hears ends nothing: "changed" goes to the server, once.
//
// A browser that keeps the IdP's storage from a frame says "changed" for ever (§5.1). So
// that word counts only of a state of which this browser has said "unchanged" before.
'use strict'
const { at, client } = document.currentScript.dataset
let { state } = document.currentScript.dataset
const { origin } = new URL(at)
const every = 2000
const name = 'tandem check-session ' + location.pathname
const channel = new BroadcastChannel(name)
const idp = document.createElement('iframe')
let asked = '' // the state that an answer is awaited for
let unanswered = 0
let spent = '' // a state that is not asked about any more
let timer

function ask() {
  clearTimeout(timer)
  if (document.hidden || !state || state === spent) return
  if (asked && ++unanswered === 3) return void (spent = state) // nobody is there
  asked = state
  idp.contentWindow.postMessage(client + ' ' + state, origin)
  timer = setTimeout(ask, every)
}

// take goes on with a state that is newer.
function take(news) {
  if (news === state) spent = state
  state = news
  unanswered = 0
  ask()
}

addEventListener('message', ({ source, origin: from, data }) => {
  if (source !== idp.contentWindow || from !== origin || !asked) return
  if (data !== 'unchanged' && data !== 'changed' && data !== 'error') return
  const of = asked
  asked = ''
  unanswered = 0
  if (of !== state) return
  if (data === 'unchanged') known(of)
  else if (data === 'error' || known() !== of) spent = of
  else tell(of)
})

// known is the state of which the IdP's frame has said "unchanged" in this browser.
function known(now) {
  try {
    if (now) localStorage.setItem(name, now)
    return localStorage.getItem(name)
  } catch {} // no storage: nothing is known
}

async function tell(changed) {
  try {
    const r = await fetch(location.pathname, { method: 'POST', body: new URLSearchParams({ session_state: changed }),
      headers: { 'Tandem-Activity': 'passive', Accept: 'application/json' } })
    if (r.ok) take((await r.json()).session_state)
    else if (r.status < 500) spent = changed
  } catch {} // the next answer tells it again
}

channel.onmessage = ({ data }) => { if (data !== state) take(data) }
channel.postMessage(state)
document.addEventListener('visibilitychange', ask)
idp.sandbox = 'allow-scripts allow-same-origin'
idp.title = 'session'
idp.onload = ask
idp.src = at
document.body.append(idp)
