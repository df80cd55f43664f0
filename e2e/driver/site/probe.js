// What tests want to know of a page.
import { session, texts, fetch, extend, logout } from '/auth/session.js'

const root = () => [...document.querySelectorAll('tandem-session')].map(e => e.shadowRoot).find(r => r.querySelector('dialog'))
const probe = {
  session, texts, fetch, extend, logout,
  events: [],
  coveredAt: 0, // by the machine's clock, in ms: the cover is in the document
  paintedAt: 0, // and has been rendered
  inputs: 0,
  dialog: kind => root().querySelector('dialog.' + kind)?.open ?? false,
  words: kind => probe.dialog(kind) ? root().querySelector('dialog.' + kind).innerText : '',
  button: part => root().querySelector(`dialog[open] [part=${part}]`),
  press: part => probe.button(part).click(),
  hidden: () => [...document.body.querySelectorAll(':not(tandem-session)')].every(e => getComputedStyle(e).visibility === 'hidden'),
}
window.probe = probe

for (const type of ['ending', 'ended', 'restored']) {
  session.addEventListener(type, e => probe.events.push({ type, ...e.detail }))
}
new MutationObserver(() => {
  if (document.documentElement.dataset.tandem === 'live' || probe.coveredAt) return
  probe.coveredAt = Date.now()
  requestAnimationFrame(() => setTimeout(() => { probe.paintedAt = Date.now() }))
}).observe(document.documentElement, { attributes: true, attributeFilter: ['data-tandem'] })

// Every state of the page since it was loaded, and whether it came back out of the
// back/forward cache.
probe.states = []
new MutationObserver(() => {
  const state = document.documentElement.dataset.tandem
  if (state !== probe.states.at(-1)) probe.states.push(state)
})
  .observe(document.documentElement, { attributes: true, attributeFilter: ['data-tandem'] })
addEventListener('pageshow', e => { if (e.persisted) probe.persisted = (probe.persisted ?? 0) + 1 })
