// session.js lets a page know how its session stands: it warns before the end,
// covers the page at the end, in every tab, and tells why. See session.d.ts for
// the interface and docs/session-js.md for the story. It has no dependency, needs
// no build step, and works under a strict Content-Security-Policy.
//
//	<script type="module" src="/auth/session.js"></script>
//	<tandem-session></tandem-session>
//
// Words: a page is "covered" when nothing of it can be seen. It is covered for
// good once the session has ended, and for the time being while that is not known:
// after a sleep, out of the back/forward cache, or when nobody vouches for the
// session any more ("paused").

const base = new URL('./', import.meta.url) // …/auth/
const name = 'tandem-session ' + base.pathname
const marker = 'Tandem-Activity'
const beatTimeout = 40_000 // of a stream whose heartbeat is 15 s
const answerTimeout = 5_000

export const texts = {
  'warn-title': 'Are you still there?',
  'warn-idle': 'You have not been active for a while. You will be logged out in {time}.',
  'warn-trust': 'You have not used this page for a while. If you have not been active elsewhere either, you will be logged out in {time}.',
  'warn-fixed-title': 'Your session is about to end',
  'warn-fixed': 'For your security it ends in {time}, whatever you do. Save your work, or log in again now.',
  stay: 'Stay logged in',
  leave: 'Log out now',
  dismiss: 'Close',
  unreachable: 'The server cannot be reached. Please try again.',
  'checking-title': 'One moment',
  checking: 'We are checking whether you are still logged in.',
  'paused-title': 'Are you still there?',
  paused: 'You have not used this page for a while, so it is hidden. Press “Continue” to go on.',
  continue: 'Continue',
  'ended-title': 'You are logged out',
  ended: 'Please log in again.',
  'ended-user_logout': 'You have logged out.',
  'ended-idle': 'You were not active for a while.',
  'ended-absolute': 'You had been logged in for as long as is allowed.',
  'ended-idp_ceiling': 'You had been logged in for as long as your log-in service allows.',
  'ended-refresh_rejected': 'Your log-in service has ended your session.',
  'ended-api_unauthorized': 'Your log-in service has ended your session.',
  'ended-backchannel_logout': 'You have logged out elsewhere, or your log-in service has ended your session.',
  'ended-frontchannel_logout': 'You have logged out elsewhere.',
  'ended-replaced': 'There has been another log-in in this browser.',
  'ended-session_limit': 'You have logged in elsewhere, and only so many log-ins are allowed at a time.',
  'ended-other_subject': 'Somebody else has logged in at your log-in service.',
  'ended-admin': 'Your session was ended by this application.',
  'ended-unconfirmed': 'Your log-in service does not know your session any more.',
  kept: 'What you had typed has been kept. You get it back when you log in again.',
  'again-title': 'You are logged in again',
  again: 'Load this page again to go on.',
  reload: 'Load again',
  login: 'Log in again',
  restored: 'What you had typed is back.',
}

// --- state

let phase = '' // '', live, anonymous or ended
let subject // of the session that this page belongs to
let reason = ''
let endedAt // by Date.now()
let limits = [] // {kind, reason, end, warn}: instants of clock()
let every = 30_000 // how often activity is reported at the most
let confirmBy = 'activity'
let asked = 0 // when the server last answered, or failed to
let asking
let reached = true // whether it answered
let dismissed = false // the warning of an end that cannot be moved
let input = -Infinity // last real input
let reported = -Infinity
let trailing
let checkingEnd = false

class Session extends EventTarget {
  onending = null
  onended = null
  get state() { return phase }
  get reason() { return reason }
  get subject() { return subject }
  extend() { return extend() }
  logout() { return logout() }
  restore() { return restore() }
}
export const session = new Session()

export class SessionEndedError extends Error {
  constructor() {
    super('the session has ended: ' + reason)
    this.name = 'SessionEndedError'
    this.reason = reason
  }
}

// fire tells the app, at session and at the element; false if it says no.
function fire(type, detail) {
  const events = [session, ui()].map(target => {
    const e = new CustomEvent(type, { detail, cancelable: true, bubbles: true })
    target.dispatchEvent(e)
    return e
  })
  session['on' + type]?.(events[0])
  return !events.some(e => e.defaultPrevented)
}

// --- time

let skew = 0
let wall = Date.now()
let steady = performance.now()

// clock runs on while the machine sleeps, which performance.now need not do, and
// does not go back when somebody sets the machine's clock back.
function clock() {
  const w = Date.now()
  const s = performance.now()
  const lost = s - steady - (w - wall)
  if (lost > 1000) skew += lost
  wall = w
  steady = s
  return w + skew
}

const sleep = ms => new Promise(done => setTimeout(done, ms))

let timer

// pulse looks at the clock at least once a second and at every limit.
function pulse() {
  clearTimeout(timer)
  if (phase === 'ended' || phase === 'anonymous') return
  check()
  watchStream()
  if (setting('activity') === 'visible' && !document.hidden) seen()
  const t = clock()
  const next = limits.flatMap(l => [l.warn, l.end]).filter(at => at > t)
  timer = setTimeout(pulse, Math.min(1000, ...next.map(at => at - t + 1)))
}

function check() {
  if (phase !== 'live') return
  const t = clock()
  const passed = limits.filter(l => l.end <= t).sort((a, b) => a.kind === 'trust' ? 1 : -1)[0]
  const again = t - asked > (reached ? 1000 : 3000) // how often to ask in a state that cannot last
  if (passed?.kind === 'trust') {
    cover('paused')
    if (asked < passed.end || (again && !reached)) ask()
  } else if (passed) {
    cover('checking')
    if (asked < passed.end || (again && reached)) ask().then(pulse)
    else if (!reached) end(passed.reason) // no network is needed to know
  } else if (ui().state) {
    if (again && stop) ask()
  } else {
    const soon = limits.filter(l => l.warn <= t && !(l.kind === 'fixed' && dismissed) && !(l.kind === 'trust' && document.hidden))
      .sort((a, b) => a.end - b.end)[0]
    if (!soon) unwarn()
    else if (asked < soon.warn) ask().then(pulse) // another tab, or another app, may have moved it
    else warn(soon)
  }
}

// --- talking to the server

function call(path, init = {}) {
  return globalThis.fetch(new URL(path, base), {
    cache: 'no-store', signal: AbortSignal.timeout(answerTimeout), ...init,
    headers: { [marker]: 'passive', Accept: 'application/json', ...init.headers },
  })
}

// ask fetches the status, one at a time; false if there is no answer.
function ask() {
  const since = Date.now()
  return asking ??= call('session').then(async r => {
    if (!r.ok) throw r
    tell(await r.json(), since)
  }).catch(() => {
    reached = false
    asked = clock()
  }).then(() => {
    asking = undefined
    return reached
  })
}

// tell takes a status from the server, here and in the other tabs; since: when it
// was asked for.
function tell(status, since) {
  channel?.postMessage({ status, since })
  receive(status, since)
}

// A deadline is counted from when it was asked for: the page may have slept since.
function receive(s, since = Date.now()) {
  if (phase === 'ended') {
    // What was asked before the end speaks of the old session.
    if (s.state === 'live' && s.subject === subject && since > endedAt) ui().again()
    return
  }
  asked = Math.min(since + skew, clock())
  reached = true
  if (s.state !== 'live') {
    if (subject !== undefined || setting('optional') === undefined) return void over(s.reason ?? '')
    phase = 'anonymous'
    return uncover()
  }
  if (subject !== undefined && s.subject !== subject) return end('replaced')
  const first = !phase
  phase = 'live'
  subject = s.subject
  every = s.report_ms
  confirmBy = s.confirm
  limits = s.limits.map(l => ({ kind: l.kind, reason: l.reason, end: asked + l.end_ms, warn: asked + l.warn_ms }))
  if (first) {
    elect()
    restore()
  }
  if (stop && limits.every(l => l.end > clock())) uncover()
  pulse()
}

// refused handles a 401 of this app.
async function refused(response) {
  const problem = await response.json().catch(() => ({}))
  if (problem.error === 'session_ended') await over(problem.reason)
  else if (problem.error === 'login_required') receive({ state: 'anonymous' })
  else if (problem.error === 'session_unconfirmed') await ask()
}

// over ends the page, unless the same person has just logged in anew: then the
// old session's end arrives, perhaps even before the new cookie does.
async function over(why) {
  if (phase === 'ended' || checkingEnd) return
  if (why === 'replaced' && subject !== undefined) {
    cover('checking')
    checkingEnd = true
    let s, since
    for (const wait of [0, 500, 2000]) {
      await sleep(wait)
      since = Date.now()
      s = await call('session').then(r => r.json()).catch(() => ({}))
      if (s.state === 'live') break
    }
    checkingEnd = false
    if (s.state === 'live') return receive(s, since)
  }
  end(why)
}

// --- activity

const inputs = {
  input: ['pointerdown', 'pointermove', 'keydown', 'wheel', 'touchstart', 'touchmove'],
  click: ['click', 'keydown', 'submit'],
  visible: [],
}

let x, y

// A browser makes up pointer moves when the page moves under a pointer that rests.
function moved(e) {
  const real = e.type !== 'pointermove' || x !== undefined && (e.screenX !== x || e.screenY !== y)
  x = e.screenX ?? x
  y = e.screenY ?? y
  return real
}

function onInput(e) {
  const policy = inputs[setting('activity')] ?? inputs.input
  if (e.isTrusted && policy.includes(e.type) && moved(e)) seen()
}

// seen notes that the person is there. While a dialog asks, only the answer counts.
function seen() {
  if (phase !== 'live' || ui().busy) return
  const t = input = clock()
  if (trailing) return
  trailing = setTimeout(() => {
    trailing = undefined
    if (phase === 'live' && !ui().busy) report()
  }, Math.max(0, reported + every - t))
}

// report tells the server that the person is active; false if it did not listen.
async function report() {
  const since = Date.now()
  reported = clock()
  channel?.postMessage({ reported })
  try {
    const r = await call('activity', { method: 'POST', headers: { [marker]: 'active' } })
    if (r.status === 401) await refused(r)
    if (r.status === 429) reported += 1000 * (r.headers.get('Retry-After') || 1)
    if (!r.ok) return false
    tell(await r.json(), since)
    return phase === 'live'
  } catch {
    return false
  }
}

export async function extend() {
  if (phase !== 'live') return false
  input = clock()
  if (confirmBy === 'navigation') {
    await keep(typed())
    location.assign(loginURL() + '&silent=1')
    return true
  }
  return report()
}

export async function logout() {
  const { location: to } = await call('logout', { method: 'POST' }).then(r => r.json()).catch(() => ({}))
  if (to) return location.assign(to)
  const form = document.createElement('form')
  form.method = 'post'
  form.action = new URL('logout', base)
  document.body.append(form)
  form.submit()
}

const loginURL = () => new URL('login?return_to=' + encodeURIComponent(location.pathname + location.search + location.hash), base).href

// --- one tab of the origin holds the stream, the others follow

let channel
let stop // of the stream and of the wait for it
let leading = false
let heard = 0 // from the server, or from the leader

function elect() {
  if (stop) return
  stop = new AbortController()
  channel = 'BroadcastChannel' in globalThis ? new BroadcastChannel(name) : undefined
  if (channel) channel.onmessage = ({ data }) => {
    heard = clock()
    if (data.reported) reported = Math.max(reported, data.reported)
    if (data.status && phase !== 'anonymous') receive(data.status, data.since)
  }
  heard = clock()
  const { signal } = stop
  const lead = () => follow(signal)
  if (navigator.locks) navigator.locks.request(name, { signal }, lead).catch(() => {})
  else lead()
}

function resign() {
  stop?.abort()
  nudge()
  channel?.close()
  stop = channel = undefined
  leading = false
}

async function follow(signal) {
  leading = true
  for (let failures = 0; !signal.aborted; ) {
    const began = clock()
    const wait = await stream(signal).catch(() => 0)
    if (signal.aborted) return
    failures = clock() - began > 5000 ? 0 : failures + 1
    await ask() // polling, as long as there is no stream
    const pause = wait || Math.min(15_000, 500 * 2 ** failures)
    await Promise.race([sleep(pause * (0.5 + Math.random())), new Promise(wake => { nudge = wake })])
  }
}

let nudge = () => {}
let beat // aborts a stream that has gone silent

// stream reads events until it breaks; it returns how long to poll before the next
// attempt, in ms, 0 for soon.
async function stream(signal) {
  beat = new AbortController()
  heard = clock()
  const r = await globalThis.fetch(new URL('events', base), {
    cache: 'no-store', signal: AbortSignal.any([signal, beat.signal]),
    headers: { [marker]: 'passive', Accept: 'text/event-stream' },
  })
  if (!r.ok) return r.status === 401 ? 0 : 15_000
  const reader = r.body.pipeThrough(new TextDecoderStream()).getReader()
  for (let text = ''; ; ) {
    const { done, value } = await reader.read()
    if (done || clock() - heard > beatTimeout) return 0 // nobody knows how old this is
    heard = clock()
    channel?.postMessage({})
    const events = (text + value).split('\n\n')
    text = events.pop()
    for (const e of events) {
      const data = /^data: (.*)$/m.exec(e)
      if (data) tell(JSON.parse(data[1]), Date.now())
    }
  }
}

function watchStream() {
  if (!stop || clock() - heard < beatTimeout) return
  heard = clock()
  if (leading) beat.abort()
  else ask() // the leader is stuck: look after ourselves
}

// --- coming and going

// hide covers the page before the browser puts it away, so that it cannot be seen
// when it comes back before it was checked.
function hide() {
  if (phase !== 'live') return
  cover('checking')
  resign()
}

function show() {
  if (phase !== 'live' || stop) return
  elect()
  ask().then(pulse)
}

function wake() {
  nudge()
  pulse()
  if (document.hidden) return
  if (phase === 'ended') ask()
  if (phase !== 'live' || setting('activity') === 'click') return
  // Whoever turns to the page is there. A page that is paused asks at once.
  if (ui().state === 'paused') extend()
  else seen()
}

// --- cover and end

const curtain = new CSSStyleSheet()
curtain.replaceSync('html{overflow:hidden!important}body,body *{visibility:hidden!important}tandem-session{visibility:visible!important}')

let title

function cover(state) {
  document.documentElement.dataset.tandem = state === 'ended' ? state : 'covered'
  unwarn()
  if (!document.adoptedStyleSheets.includes(curtain)) {
    document.adoptedStyleSheets.push(curtain)
    title = document.title
  }
  ui().cover(state)
}

function uncover() {
  document.documentElement.dataset.tandem = phase
  if (!document.adoptedStyleSheets.includes(curtain)) return
  document.adoptedStyleSheets = document.adoptedStyleSheets.filter(s => s !== curtain)
  document.title = title
  ui().uncover()
}

function end(why) {
  if (phase === 'ended') return
  const drafts = why === 'user_logout' ? {} : typed()
  phase = 'ended'
  reason = why
  endedAt = Date.now()
  clearTimeout(timer)
  cover('ended')
  channel?.postMessage({ status: { state: 'ended', reason } })
  purge(document)
  new MutationObserver(() => purge(document)).observe(document, { childList: true, subtree: true })
  for (const m of document.querySelectorAll('video,audio')) m.pause()
  stop?.abort() // the channel stays: it tells of the next log-in
  keep(drafts).then(kept => ui().done(kept))
  fire('ended', { reason })
}

function purge(root) {
  const mine = ui()
  for (const e of root.querySelectorAll('[data-tandem-private]')) {
    if (!e.contains(mine)) e.remove()
    else if (e.children.length > 1 || e.firstChild !== mine) e.replaceChildren(mine)
  }
}

let warned // kind of the limit that the person, or the app, has been told of

function warn(limit) {
  if (warned !== limit.kind) {
    warned = limit.kind
    if (fire('ending', { kind: limit.kind, reason: limit.reason, ms: limit.end - clock() })) ui().warn(limit)
  }
  ui().count(limit)
}

function unwarn() {
  warned = undefined
  ui().unwarn()
}

// --- drafts: what was typed into forms marked data-tandem-keep

const slot = name + ' draft'
let draftKeys

const bytes = s => Uint8Array.from(atob(s), c => c.charCodeAt())
const base64 = b => btoa(Array.from(new Uint8Array(b), c => String.fromCharCode(c)).join(''))

// The key is fetched while the session lives and stays in memory.
function fetchKeys() {
  return draftKeys ??= (async () => {
    const r = await call('draft-key')
    if (!r.ok) throw r
    const { keys } = await r.json()
    return Promise.all(keys.map(k => crypto.subtle.importKey('raw', bytes(k), 'AES-GCM', false, ['encrypt', 'decrypt'])))
  })().catch(() => { draftKeys = undefined })
}

const forms = () => [...document.querySelectorAll('form[data-tandem-keep]')].map((form, i) => [form.id || form.name || String(i), form])

const secret = /password|^cc-|one-time-code/
const skipped = /^(password|hidden|file|submit|button|reset|image|fieldset|output)$/

function fields(form) {
  return [...form.elements].filter(f => (f.name || f.id) && !skipped.test(f.type) && !secret.test(f.autocomplete))
}

const label = f => (f.name || f.id) + (f.type === 'radio' ? '=' + f.value : '')

// value of a field that was changed, else undefined.
function changed(f) {
  if (f.type === 'checkbox' || f.type === 'radio') return f.checked !== f.defaultChecked ? f.checked : undefined
  if (f.options) {
    const options = [...f.options]
    const preset = f.multiple || options.some(o => o.defaultSelected) // else the first one is
    return options.some((o, i) => o.selected !== (preset ? o.defaultSelected : !i)) ? options.filter(o => o.selected).map(o => o.value) : undefined
  }
  return f.value !== f.defaultValue ? f.value : undefined
}

function typed() {
  const all = {}
  for (const [id, form] of forms()) {
    const values = fields(form).map(f => [label(f), changed(f)]).filter(([, v]) => v !== undefined)
    if (values.length) all[id] = values
  }
  return all
}

const bound = () => new TextEncoder().encode(JSON.stringify([subject, location.pathname]))

// keep encrypts drafts for the next log-in of this person in this tab; false if
// there is nothing to keep, or no way to do it safely.
async function keep(drafts) {
  try {
    const [key] = Object.keys(drafts).length && draftKeys ? await draftKeys : []
    if (!key) return false
    const iv = crypto.getRandomValues(new Uint8Array(12))
    const plain = new TextEncoder().encode(JSON.stringify(drafts))
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv, additionalData: bound() }, key, plain)
    sessionStorage.setItem(slot, JSON.stringify([location.pathname, base64(iv), base64(sealed)]))
    return true
  } catch {
    return false // no room, no storage, no WebCrypto
  }
}

async function restore() {
  try {
    const [path, iv, sealed] = JSON.parse(sessionStorage.getItem(slot) ?? '[]')
    if (!iv || phase !== 'live') return 0
    const keys = await fetchKeys()
    if (!keys) return 0
    let drafts
    for (const key of keys) {
      drafts ??= await crypto.subtle.decrypt({ name: 'AES-GCM', iv: bytes(iv), additionalData: bound() }, key, bytes(sealed))
        .then(plain => JSON.parse(new TextDecoder().decode(plain)), () => undefined)
    }
    if (!drafts) {
      if (path === location.pathname) sessionStorage.removeItem(slot) // another person's
      return 0
    }
    let n = 0
    for (const [id, form] of forms()) {
      const values = new Map(drafts[id] ?? [])
      for (const f of fields(form)) {
        const v = values.get(label(f))
        if (v === undefined || changed(f) !== undefined) continue // not over what is typed already
        if (Array.isArray(v)) for (const o of f.options) o.selected = v.includes(o.value)
        else f[typeof v === 'boolean' ? 'checked' : 'value'] = v
        for (const type of ['input', 'change']) f.dispatchEvent(new Event(type, { bubbles: true }))
        n++
      }
    }
    if (n) {
      sessionStorage.removeItem(slot)
      ui().say('restored')
      fire('restored', { fields: n })
    }
    return n
  } catch {
    return 0
  }
}

// --- fetch

// fetch is the browser's, with three differences for requests to this app: a 401
// about the session covers the page, once; nothing is sent any more after the end;
// and what the page asks for by itself is marked passive.
export async function fetch(resource, init) {
  const request = new Request(resource, init)
  if (new URL(request.url).origin !== location.origin) return globalThis.fetch(request)
  if (phase === 'ended') throw new SessionEndedError()
  if (!request.headers.has(marker) && clock() - input > 5000) request.headers.set(marker, 'passive')
  const response = await globalThis.fetch(request)
  if (response.status === 401) await refused(response.clone())
  return response
}

// --- the element

const style = new CSSStyleSheet()
style.replaceSync(`
:host{display:contents}
dialog{font:var(--tandem-font,1rem/1.5 system-ui,sans-serif);color:var(--tandem-text,CanvasText);background:var(--tandem-background,Canvas);box-sizing:border-box}
.warning{width:min(30rem,calc(100vw - 2rem));padding:1.5rem;border:1px solid color-mix(in srgb,currentColor 25%,transparent);border-radius:var(--tandem-radius,.75rem);box-shadow:0 1rem 3rem #0006}
.warning::backdrop{background:var(--tandem-backdrop,#000a)}
.cover{position:fixed;inset:0;width:100%;height:100%;max-width:none;max-height:none;margin:0;padding:1rem;border:0;background:var(--tandem-cover,var(--tandem-background,Canvas))}
.cover[open]{display:grid;place-items:center}
.cover::backdrop{background:var(--tandem-cover,var(--tandem-background,Canvas))}
.panel{max-width:30rem}
:focus:not(:focus-visible){outline:none}
h2{margin:0 0 .5rem;font-size:1.375rem;line-height:1.25}
p{margin:0 0 1rem;text-wrap:pretty}
.note:empty,.buttons:empty{display:none}
.time{font-variant-numeric:tabular-nums;font-weight:600;white-space:nowrap}
.buttons{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.25rem 0 0}
button{font:inherit;font-weight:600;min-height:2.75rem;padding:.5rem 1.125rem;box-sizing:border-box;border-radius:var(--tandem-radius,.5rem);border:1px solid var(--tandem-accent,#1f5fbf);background:var(--tandem-accent,#1f5fbf);color:var(--tandem-accent-text,#fff);cursor:pointer}
@media (max-width:30rem){button{flex:1 0 100%}}
.second{background:transparent;color:inherit;border-color:currentColor}
button:focus-visible{outline:3px solid var(--tandem-focus,currentColor);outline-offset:3px}
.live{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
@media (forced-colors:active){.warning,button{border-color:ButtonText}}
`)

const setting = key => ui().getAttribute(key) ?? undefined
const text = key => setting('text-' + key) ?? texts[key]

function make(tag, props, ...children) {
  const e = Object.assign(document.createElement(tag), props)
  e.append(...children)
  return e
}

const spell = ms => {
  const s = Math.max(0, Math.ceil(ms / 1000))
  return Math.floor(s / 60) + ':' + String(s % 60).padStart(2, '0')
}

class TandemSession extends HTMLElement {
  state = '' // of the cover
  #dialog = {}
  #live = make('div', { className: 'live', ariaLive: 'polite' })
  #limit // that is warned of
  #time
  #said

  constructor() {
    super()
    const root = this.attachShadow({ mode: 'open' })
    root.adoptedStyleSheets = [style]
    for (const kind of ['warning', 'cover']) {
      const d = this.#dialog[kind] = make('dialog', { className: kind })
      const attributes = { part: kind, role: 'alertdialog', 'aria-labelledby': kind + '-title', 'aria-describedby': kind + '-text' }
      for (const key in attributes) d.setAttribute(key, attributes[key])
    }
    const { warning, cover } = this.#dialog
    warning.oncancel = e => { e.preventDefault(); this.#answer() }
    warning.onclose = () => { if (this.#limit && !warning.open) this.#answer() }
    cover.setAttribute('closedby', 'none')
    cover.oncancel = e => e.preventDefault()
    cover.onclose = () => { if (this.state && !cover.open) this.#open(cover) }
    root.append(this.#live, warning, cover)
  }

  set onending(f) { session.onending = f }
  get onending() { return session.onending }
  set onended(f) { session.onended = f }
  get onended() { return session.onended }
  extend() { return extend() }
  logout() { return logout() }
  restore() { return restore() }

  connectedCallback() {
    if (this.state) this.#open(this.#dialog.cover)
  }

  // A framework that takes the element away must not take the cover away.
  disconnectedCallback() {
    queueMicrotask(() => { if (this.state && !this.isConnected) document.body.append(this) })
  }

  // busy: a dialog waits for an answer.
  get busy() { return Boolean(this.state || this.#limit) }

  say(key) { this.#live.textContent = text(key) }

  // open puts a dialog above everything else, others' dialogs included.
  #open(d) {
    d.close()
    d.showModal()
    if (!d.getClientRects().length && this.parentNode !== document.body) document.body.append(this) // it is in something invisible
  }

  #fill(kind, title, body, ...buttons) {
    this.#dialog[kind].replaceChildren(make('div', { className: 'panel' },
      make('h2', { id: kind + '-title', textContent: text(title) }),
      make('p', { id: kind + '-text' }, ...body),
      make('p', { className: 'note', ariaLive: 'assertive' }),
      make('div', { className: 'live', ariaLive: 'polite' }),
      make('div', { className: 'buttons' }, ...buttons)))
  }

  #find(kind, css) { return this.#dialog[kind].querySelector(css) }
  #note(kind, key) { this.#find(kind, '.note').textContent = key ? text(key) : '' }

  #button(part, onclick, className = '') {
    const b = make('button', { type: 'button', textContent: text(part), onclick, className })
    b.setAttribute('part', part)
    return b
  }

  #login(className) {
    return this.#button('login', async () => {
      if (phase === 'live') await keep(typed())
      location.assign(loginURL())
    }, className)
  }

  warn(limit) {
    const { kind } = limit
    this.#limit = limit
    this.#said = Infinity
    this.#time = make('span', { className: 'time' })
    const [before, after = ''] = text('warn-' + kind).split('{time}')
    const answer = () => this.#answer()
    this.#fill('warning', kind === 'fixed' ? 'warn-fixed-title' : 'warn-title', [before, this.#time, after], ...kind === 'fixed'
      ? [this.#button('dismiss', answer), this.#login('second')]
      : [this.#button('stay', answer), this.#button('leave', logout, 'second')])
    this.count(limit)
    this.#open(this.#dialog.warning)
  }

  // count shows the time left, and has it said aloud now and then.
  count(limit) {
    if (!this.#limit) return
    const left = Math.max(0, Math.ceil((limit.end - clock()) / 1000))
    this.#time.textContent = Math.floor(left / 60) + ':' + String(left % 60).padStart(2, '0')
    const mark = [30, 20, 10, 5].findLast(m => left <= m)
    if (mark < this.#said) this.#find('warning', '.live').textContent = this.#time.textContent
    this.#said = mark ?? this.#said
  }

  async #answer() {
    const fixed = this.#limit.kind === 'fixed'
    dismissed ||= fixed
    this.#note('warning')
    if (fixed || await extend()) unwarn()
    else if (this.#limit) this.#note('warning', 'unreachable')
  }

  unwarn() {
    this.#limit = undefined
    this.#dialog.warning.close()
  }

  cover(state) {
    if (this.state === state) return
    this.state = state
    document.title = text(state + '-title')
    const words = state === 'ended' && texts['ended-' + reason] ? 'ended-' + reason : state
    this.#fill('cover', state + '-title', [text(words)], ...state !== 'paused' ? [] : [this.#button('continue', async () => {
      this.#note('cover')
      if (!await extend() && this.state === 'paused') this.#note('cover', 'unreachable')
    })])
    this.#open(this.#dialog.cover)
  }

  // done offers the way back, now that nothing can get lost by it.
  done(kept) {
    if (kept) this.#note('cover', 'kept')
    this.#way(reason === 'replaced' ? this.#reload() : this.#login())
  }

  // again: the same person has logged in, in another tab.
  again() {
    this.#fill('cover', 'again-title', [text('again')])
    this.#way(this.#reload())
  }

  #reload() { return this.#button('reload', () => location.reload()) }

  #way(button) {
    this.#find('cover', '.buttons').replaceChildren(button)
    button.focus()
  }

  uncover() {
    this.state = ''
    this.#dialog.cover.close()
  }
}

if (!customElements.get('tandem-session')) customElements.define('tandem-session', TandemSession)

let element

// ui is the page's element, or one of ours if it has none.
function ui() {
  if (!element?.isConnected) {
    element = document.querySelector('tandem-session') ?? document.body.appendChild(document.createElement('tandem-session'))
  }
  return element
}

// --- start

for (const type of new Set(Object.values(inputs).flat())) addEventListener(type, onInput, { capture: true, passive: true })
addEventListener('input', e => { if (phase === 'live' && e.target.closest?.('form[data-tandem-keep]')) fetchKeys() }, { capture: true })
addEventListener('pagehide', hide)
addEventListener('pageshow', e => { if (e.persisted) show() })
addEventListener('online', wake)
addEventListener('focus', wake)
document.addEventListener('visibilitychange', wake)
document.addEventListener('freeze', hide)
document.addEventListener('resume', show)

// Out of the history, the page may be older than the session.
if (performance.getEntriesByType('navigation')[0]?.type === 'back_forward') cover('checking')

async function start() {
  for (let n = 0; !phase && !await ask(); n++) await sleep(Math.min(15_000, 1000 * 2 ** n))
}
start()
