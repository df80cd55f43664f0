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
//
// Content of a page may be hostile, as far as it is no script: names, style sheets and
// layers of it must not keep the page readable.

const base = new URL('./', import.meta.url) // …/auth/
const name = 'tandem-session ' + base.pathname
const marker = 'Tandem-Activity'
const beatTimeout = 40_000 // of a stream whose heartbeat is 15 s
const answerTimeout = 5_000

// Content can take a name: beside <img name=body>, document.body is that image, and
// the elements of a form are its <input name=elements> (HTML, [LegacyOverrideBuiltIns]
// of Document and HTMLFormElement). plain asks the type instead.
const plain = (object, { prototype }) => new Proxy(object, {
  get: (_, key) => {
    const value = Reflect.get(prototype, key, object)
    return value instanceof Function ? value.bind(object) : value
  },
  set: (_, key, value) => Reflect.set(prototype, key, value, object),
})
const page = plain(document, Document)

// attempt takes one step after the other: what one throws is reported, and stops no
// other.
function attempt(...steps) {
  for (const step of steps) {
    try {
      step()
    } catch (e) {
      reportError(e)
    }
  }
}

export const texts = {
  'warn-title': 'Are you still there?',
  'warn-idle': 'You have not been active for a while. You will be logged out in {time}.',
  'warn-trust': 'You have not used this page for a while. If you have not been active elsewhere either, you will be logged out in {time}.',
  'warn-fixed-title': 'Your session is about to end',
  'warn-fixed': 'It ends in {time}, whatever you do. Save your work, or log in again now.',
  stay: 'Stay logged in',
  leave: 'Log out now',
  dismiss: 'Close',
  unreachable: 'The server cannot be reached. Please try again.',
  'checking-title': 'One moment',
  checking: 'We are checking whether you are still logged in.',
  'paused-title': 'Are you still there?',
  paused: 'You have not used this page for a while, so it is hidden. Press Continue to go on.',
  'paused-changed': 'Your log-in service says that something has changed. Press Continue to go on.',
  continue: 'Continue',
  'ended-title': 'You are logged out',
  ended: 'Please log in again.',
  'ended-user_logout': 'You have logged out.',
  'ended-idle': 'You were not active for a while.',
  'ended-inactivity': 'You were not active in any application for a while.',
  'ended-absolute': 'You had been logged in for as long as is allowed.',
  'ended-idp_ceiling': 'You had been logged in for as long as your log-in service allows.',
  'ended-refresh_rejected': 'Your log-in service has ended your session.',
  'ended-api_unauthorized': 'Your log-in service has ended your session.',
  'ended-backchannel_logout': 'You have logged out elsewhere, or your log-in service has ended your session.',
  'ended-frontchannel_logout': 'You have logged out elsewhere.',
  'ended-replaced': 'There has been another log-in in this browser.',
  'ended-session_limit': 'You have logged in elsewhere.',
  'ended-other_subject': 'There has been another log-in in this browser.',
  'ended-admin': 'Your session was ended by this application.',
  'ended-unconfirmed': 'Your log-in service does not know your session any more.',
  quiet: 'Nobody was active here for {minutes} minutes.',
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
let cause // what the IdP says of the end beside that
let quiet // seconds without activity here before it
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
  name = 'SessionEndedError'
  reason = reason
  constructor() { super('the session has ended: ' + reason) }
}

// fire tells the app, at session and at the element; false if it says no.
function fire(type, detail) {
  const events = [session, ui()].map(target => {
    const e = new CustomEvent(type, { detail, cancelable: true, bubbles: true })
    target.dispatchEvent(e)
    return e
  })
  attempt(() => session['on' + type]?.(events[0]))
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
  attempt(check, watchStream)
  if (setting('activity') === 'visible' && !page.hidden) seen()
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
  } else if (covered) {
    if (again && stop) ask()
  } else {
    const soon = limits.filter(l => l.warn <= t && !(l.kind === 'fixed' && dismissed) && !(l.kind === 'trust' && page.hidden))
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
    if (s.state === 'live' && s.subject === subject && since > endedAt) again()
    return
  }
  asked = Math.min(since + skew, clock())
  reached = true
  cause = s.cause
  if (s.state !== 'live') {
    quiet = s.quiet_seconds
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
  const code = response.headers.get('Tandem-Error') // the body may be a framework's
  if (code === 'login_required') receive({ state: 'anonymous' })
  else if (code === 'session_unconfirmed') await ask()
  else if (code === 'session_ended') {
    const problem = await response.json().catch(() => {})
    if (problem?.reason) cause = problem.cause
    else await ask() // which knows the reason
    await over(problem?.reason ?? '')
  }
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
  if (covered && page.elementFromPoint(1, 1) !== host) stay() // a dialog in a shadow tree tells nobody
  const policy = inputs[setting('activity')] ?? inputs.input
  if (e.isTrusted && policy.includes(e.type) && moved(e)) seen()
}

// seen notes that the person is there. While a dialog asks, only the answer counts.
function seen() {
  if (phase !== 'live' || covered || asks) return
  const t = input = clock()
  if (trailing) return
  trailing = setTimeout(() => {
    trailing = undefined
    if (!covered && !asks) report()
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

// hush: who has pressed "log out" is active no more, in a form of the app's own as well.
function hush() {
  clearTimeout(trailing)
  trailing = setTimeout(() => { trailing = undefined }, 10_000)
}

export async function logout() {
  hush()
  const { location: to } = await call('logout', { method: 'POST' }).then(r => r.json()).catch(() => ({}))
  if (to) return location.assign(new URL(to, base)) // whatever <base> says
  const form = make('form', { method: 'post', action: new URL('logout', base) })
  page.documentElement.append(form)
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
  channel = new BroadcastChannel(name)
  channel.onmessage = ({ data }) => {
    heard = clock()
    if (data.reported) reported = Math.max(reported, data.reported)
    if (data.status && phase !== 'anonymous') receive(data.status, data.since)
  }
  heard = clock()
  const { signal } = stop
  // Plain http has no Web Locks: there each tab has a stream of its own.
  const lead = () => follow(signal)
  ;(navigator.locks ? navigator.locks.request(name, { signal }, lead) : lead()).catch(() => {})
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
  const r = await call('events', { signal: AbortSignal.any([signal, beat.signal]), headers: { Accept: 'text/event-stream' } })
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
  if (page.hidden) return
  if (phase === 'ended') ask()
  if (phase !== 'live' || setting('activity') === 'click') return
  // Whoever turns to the page is there. A page that is paused asks at once.
  if (covered === 'paused') extend()
  else seen()
}

// --- cover and end

const curtain = new CSSStyleSheet()
curtain.replaceSync('html{overflow:hidden!important}body,body *{visibility:hidden!important;transition:none!important}')

let title
const elsewhere = /-(back|ref|api|unc)/ // ends that others have decided: what was here is said as well

let covered = '' // checking, paused or ended

// cover is what must not fail. Where one step does, the others hold.
function cover(state) {
  if (covered === state) return
  attempt(unwarn) // before it, so that the focus is back where it was
  if (!covered) title = page.title
  covered = state
  const why = [cause, reason].map(key => state + '-' + key).find(key => texts[key]) ?? state
  const told = elsewhere.test(why) && quiet >= 300 ? ' ' + text('quiet').replace('{minutes}', Math.round(quiet / 60)) : ''
  attempt(
    () => fill(sheet, state + '-title', [text(why), told], ...state === 'paused' ? [button('continue', goOn)] : []),
    stay,
    () => page.adoptedStyleSheets.push(curtain),
    () => { page.documentElement.dataset.tandem = state === 'ended' ? state : 'covered' },
    () => { page.title = text(state + '-title') },
  )
}

// stay puts the cover above everything, again if something has got there since.
function stay() {
  if (covered) open(veil)
}

async function goOn() {
  note(sheet)
  if (!await extend() && covered === 'paused') note(sheet, 'unreachable')
}

function uncover() {
  page.documentElement.dataset.tandem = phase
  if (!covered) return
  page.adoptedStyleSheets = page.adoptedStyleSheets.filter(s => s !== curtain)
  page.title = title
  covered = ''
  veil.close()
}

function end(why) {
  if (phase === 'ended') return
  phase = 'ended'
  reason = why
  endedAt = Date.now()
  let drafts = []
  attempt(
    () => cover(phase),
    () => { if (why !== 'user_logout') drafts = typed() },
    () => page.documentElement.append(ui()), // out of what is private: its events still bubble
    purge,
    () => new MutationObserver(purge).observe(document, { childList: true, subtree: true }),
    () => channel?.postMessage({ status: { state: phase, reason, cause, quiet_seconds: quiet } }),
    () => keep(drafts).then(done),
    () => { draftKeys = undefined },
    () => page.querySelectorAll('video,audio').forEach(m => m.pause()),
    () => stop?.abort(), // the channel stays: it tells of the next log-in
    () => fire(phase, { reason, cause }),
  )
}

// purge takes what is private out of the document, and the rest off the screen. No
// style sheet is stronger than this.
function purge() {
  const { body } = page
  for (const e of page.querySelectorAll('[data-tandem-private]')) {
    const p = plain(e, Element)
    if (e === body || p.contains(host)) body.replaceChildren()
    else p.remove()
  }
  body.style.cssText = 'display:none!important;transition:none!important'
}

// done offers the way back, now that nothing can get lost by it.
function done(kept) {
  if (kept) note(sheet, 'kept')
  way(reason === 'replaced' ? reload() : login())
}

// again: the same person has logged in, in another tab.
function again() {
  fill(sheet, 'again-title', [text('again')])
  way(reload())
}

function way(button) {
  veil.querySelector('.buttons').replaceChildren(button)
  button.focus()
}

// --- warning

let warned // kind of the limit that the person, or the app, has been told of
let asks // the same, while the dialog is open
let time // where it shows the time left
let said // to a screen reader, in seconds

function warn(limit) {
  const { kind, reason, end } = limit
  if (warned !== kind) {
    warned = kind
    if (fire('ending', { kind, reason, ms: end - clock() })) remind(kind)
  }
  if (asks) count(end)
}

function remind(kind) {
  asks = kind
  said = Infinity
  time = make('span', { className: 'time' })
  const [before, after = ''] = text('warn-' + kind).split('{time}')
  fill(warning, kind === 'fixed' ? 'warn-fixed-title' : 'warn-title', [before, time, after], ...kind === 'fixed'
    ? [button('dismiss', answer), login('second')]
    : [button('stay', answer), button('leave', logout, 'second')])
  open(warning)
}

// count shows the time left, and has it said aloud now and then.
function count(end) {
  const left = Math.max(0, Math.ceil((end - clock()) / 1000))
  time.textContent = Math.floor(left / 60) + ':' + String(left % 60).padStart(2, '0')
  const mark = [30, 20, 10, 5].findLast(m => left <= m)
  if (mark < said) warning.querySelector('.live').textContent = time.textContent
  said = mark ?? said
}

async function answer() {
  const fixed = asks === 'fixed'
  dismissed ||= fixed
  note(warning)
  if (fixed || await extend()) unwarn()
  else if (asks) note(warning, 'unreachable')
}

function unwarn() {
  warned = asks = undefined
  warning.close()
}

// --- drafts: what was typed into forms marked data-tandem-keep

const slot = name + ' draft'
let draftKeys

const bytes = s => Uint8Array.from(atob(s), c => c.charCodeAt())
const base64 = b => btoa(Array.from(new Uint8Array(b), c => String.fromCharCode(c)).join(''))

// The key is fetched while the session lives, and forgotten at the end.
function fetchKeys() {
  return draftKeys ??= (async () => {
    const r = await call('draft-key')
    if (!r.ok) throw r
    const { keys } = await r.json()
    return Promise.all(keys.map(k => crypto.subtle.importKey('raw', bytes(k), 'AES-GCM', false, ['encrypt', 'decrypt'])))
  })().catch(() => { draftKeys = undefined })
}

const forms = () => [...page.forms].map(f => plain(f, HTMLFormElement)).filter(f => f.hasAttribute('data-tandem-keep'))
  .map((form, i) => [form.id || form.name || String(i), form])

const secret = /\bcc-|passw|one-time-code/i // in autocomplete or as a name
const skipped = /^(password|hidden|file|submit|button|reset|image|fieldset|output)$/
const masked = new WeakSet() // was a password until somebody wanted to see it

new MutationObserver(changes => {
  for (const { oldValue, target } of changes) if (/^password$/i.test(oldValue)) masked.add(target)
}).observe(document, { subtree: true, attributeFilter: ['type'], attributeOldValue: true })

const fields = form => [...form.elements].filter(f => (f.name || f.id) && !skipped.test(f.type) && !masked.has(f)
  && !secret.test([f.getAttribute('autocomplete'), f.name, f.id]))

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

const typed = () => forms()
  .map(([id, form]) => [id, fields(form).map(f => [label(f), changed(f)]).filter(([, v]) => v !== undefined)])
  .filter(([, values]) => values.length)

const bound = () => new TextEncoder().encode(JSON.stringify([subject, location.pathname]))

// keep encrypts drafts for the next log-in of this person in this tab; false if
// there is nothing to keep, or no way to do it safely.
async function keep(drafts) {
  try {
    const [key] = drafts.length && await draftKeys || []
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
    if (path !== location.pathname || phase !== 'live') return 0
    const drafts = await unseal(bytes(iv), bytes(sealed))
    if (phase !== 'live') return 0
    const n = drafts ? refill(drafts) : 0
    if (n || !drafts) sessionStorage.removeItem(slot)
    if (!typed().length) draftKeys = undefined
    if (n) {
      live.textContent = text('restored')
      fire('restored', { fields: n })
    }
    return n
  } catch {
    return 0
  }
}

// unseal decrypts a draft; null if it is another person's.
async function unseal(iv, sealed) {
  for (const key of await fetchKeys()) {
    try {
      const plain = await crypto.subtle.decrypt({ name: 'AES-GCM', iv, additionalData: bound() }, key, sealed)
      return new Map(JSON.parse(new TextDecoder().decode(plain)))
    } catch {} // the next one
  }
  return null
}

// refill puts drafts into their forms and returns how many fields got something.
function refill(drafts) {
  let n = 0
  const all = forms()
  for (const [id, form] of all) {
    if (all.some(([other, f]) => other === id && f !== form)) continue // one of them may be a trap
    const values = new Map(drafts.get(id))
    for (const f of fields(form)) {
      const v = values.get(label(f))
      if (v === undefined || changed(f) !== undefined) continue // not over what is typed already
      if (Array.isArray(v)) for (const o of f.options) o.selected = v.includes(o.value)
      else f[typeof v === 'boolean' ? 'checked' : 'value'] = v
      for (const type of ['input', 'change']) f.dispatchEvent(new Event(type, { bubbles: true }))
      n++
    }
  }
  return n
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

// --- the face: our dialogs, in an element beside the body. What is !important here is
// stronger than any rule of the page (CSS Cascading 5 §6.1), and no ::part() leads to
// the cover itself, only to what it shows.

const style = new CSSStyleSheet()
style.replaceSync(`
:host{all:initial!important;color-scheme:inherit!important;display:contents!important}
*{box-sizing:border-box}
dialog{font:var(--tandem-font,1rem/1.5 system-ui,sans-serif);color:var(--tandem-text,CanvasText);background:var(--tandem-background,Canvas)}
.warning{width:min(30rem,100vw - 2rem);padding:1.5rem;border:1px solid color-mix(in srgb,currentColor 25%,transparent);border-radius:var(--tandem-radius,.75rem);box-shadow:0 1rem 3rem #0006}
.warning::backdrop{background:var(--tandem-backdrop,#000a)}
dialog.cover{inset:0;width:100%;height:100%;max-width:none;max-height:none;padding:0;border:0;background:Canvas}
div.cover{display:grid;place-items:center;min-height:100%;padding:1rem;background:var(--tandem-cover,var(--tandem-background,Canvas))}
.panel{max-width:30rem}
h2{margin:0 0 .5rem;font-size:1.375rem;line-height:1.25}
p{margin:0 0 1rem}
.note:empty,.buttons:empty{display:none}
.time{font-variant-numeric:tabular-nums;font-weight:600;white-space:nowrap}
.buttons{display:flex;flex-wrap:wrap;gap:.75rem;margin:1.25rem 0 0}
button{font:inherit;font-weight:600;min-height:2.75rem;padding:.5rem 1.125rem;border-radius:var(--tandem-radius,.5rem);border:1px solid var(--tandem-accent,#1f5fbf);background:var(--tandem-accent,#1f5fbf);color:var(--tandem-accent-text,#fff);cursor:pointer}
@media (max-width:30rem){button{flex:1 0 100%}}
.second{background:transparent;color:inherit;border-color:currentColor}
button:focus-visible{outline:3px solid var(--tandem-focus,currentColor);outline-offset:3px}
.live{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);white-space:nowrap}
`)

const setting = key => ui().getAttribute(key) ?? undefined
const text = key => setting('text-' + key) ?? texts[key]

function make(tag, props, ...children) {
  const e = Object.assign(page.createElement(tag), props)
  e.append(...children)
  return e
}

// The page's element says how, and gets the events. It shows nothing.
class TandemSession extends HTMLElement {
  constructor() {
    super()
    try {
      this.attachShadow({ mode: 'open' }).adoptedStyleSheets.push(style)
    } catch {} // content has brought one, with a shadow tree
  }

  set onending(f) { session.onending = f }
  get onending() { return session.onending }
  set onended(f) { session.onended = f }
  get onended() { return session.onended }
  extend() { return extend() }
  logout() { return logout() }
  restore() { return restore() }

  // A framework that takes the cover away gets it back.
  disconnectedCallback() { queueMicrotask(stay) }
}

if (!customElements.get('tandem-session')) customElements.define('tandem-session', TandemSession)

let element
const host = make('tandem-session')

// ui is the page's element, the first one, or ours if it has none.
function ui() {
  if (!element?.isConnected || element === host) element = page.querySelector('tandem-session') ?? host
  return element
}

const warning = dialog('warning')
warning.part = 'warning'
warning.oncancel = e => { e.preventDefault(); answer() }
warning.onclose = () => { if (asks && !warning.open) answer() }

const sheet = make('div', { className: 'cover', part: 'cover' })
const veil = dialog('cover')
veil.append(sheet)
veil.setAttribute('closedby', 'none')
veil.oncancel = e => e.preventDefault()
veil.onclose = () => { if (!veil.open) stay() }
for (const type of ['toggle', 'fullscreenchange']) page.addEventListener(type, stay, true) // of the page's own layers

const live = make('div', { className: 'live', ariaLive: 'polite' })
host.shadowRoot.append(live, warning, veil)
page.documentElement.append(host)

function dialog(kind) {
  const d = make('dialog', { className: kind, role: 'alertdialog' })
  d.setAttribute('aria-labelledby', kind + '-title')
  d.setAttribute('aria-describedby', kind + '-text')
  return d
}

// open puts a dialog above everything else, others' dialogs included.
function open(d) {
  if (!host.isConnected) page.documentElement.append(host)
  d.close()
  d.showModal()
}

function fill(d, title, body, ...buttons) {
  d.replaceChildren(make('div', { className: 'panel' },
    make('h2', { id: d.className + '-title', textContent: text(title) }),
    make('p', { id: d.className + '-text' }, ...body),
    make('p', { className: 'note', ariaLive: 'assertive' }),
    make('div', { className: 'live', ariaLive: 'polite' }),
    make('div', { className: 'buttons' }, ...buttons)))
}

const note = (d, key) => { d.querySelector('.note').textContent = key ? text(key) : '' }

const button = (part, onclick, className = '') => make('button', { type: 'button', part, textContent: text(part), onclick, className })
const reload = () => button('reload', () => location.reload())
const login = className => button('login', async () => {
  if (phase === 'live') await keep(typed())
  location.assign(loginURL())
}, className)

// --- start

for (const type of new Set(Object.values(inputs).flat())) addEventListener(type, onInput, { capture: true, passive: true })
addEventListener('input', e => {
  if (phase === 'live' && !draftKeys && forms().some(([, form]) => [...form.elements].includes(e.target))) fetchKeys()
}, true)
addEventListener('submit', e => {
  if (plain(e.target, HTMLFormElement).action === new URL('logout', base).href) hush()
}, true)
addEventListener('pagehide', hide)
addEventListener('pageshow', e => { if (e.persisted) show() })
addEventListener('online', wake)
addEventListener('focus', wake)
page.addEventListener('visibilitychange', wake)
page.addEventListener('freeze', hide)
page.addEventListener('resume', show)

// Out of the history, the page may be older than the session.
if (performance.getEntriesByType('navigation')[0]?.type === 'back_forward') cover('checking')

async function start() {
  for (let n = 0; !phase && !await ask(); n++) await sleep(Math.min(15_000, 1000 * 2 ** n))
}
start()
