// What an app written in TypeScript does with session.js: every name once, and what
// the types must refuse.
import {
  extend, fetch, logout, session, SessionEndedError, texts,
  type EndedDetail, type EndingDetail, type LimitKind, type Reason, type RestoredDetail, type Session, type SessionEventMap, type TandemSessionElement,
} from '/auth/session.js'

// Words, all at once or one by one.
Object.assign(texts, { 'warn-title': 'Sind Sie noch da?' })
texts['stay'] = 'Angemeldet bleiben'

// State.
const state: '' | 'live' | 'anonymous' | 'ended' = session.state
const subject: string | undefined = session.subject
const why: Reason = session.reason
if (session.state === 'ended') console.log(subject, why, state)
// @ts-expect-error: there is no such state
session.state === 'dead'
// @ts-expect-error: the server says how it is
session.state = 'live'

// Events, as properties and as listeners.
session.onending = e => {
  const detail: EndingDetail = e.detail
  const kind: LimitKind = detail.kind
  const ms: number = detail.ms
  if (kind === 'trust') e.preventDefault()
  const reason: Reason | undefined = detail.reason
  console.log(ms, reason)
  // @ts-expect-error: details are for reading
  e.detail.ms = 0
}
session.onended = ({ detail }: CustomEvent<EndedDetail>) => console.log(words(detail.reason))
session.onending = null
session.addEventListener('restored', e => { const n: RestoredDetail['fields'] = e.detail.fields; console.log(n) }, { once: true })
session.addEventListener('ended', function ended(e) { session.removeEventListener('ended', ended as EventListener); console.log(e.detail.reason) })
session.addEventListener('something else', (e: Event) => console.log(e.type))
// @ts-expect-error: an end has a reason, no time left
session.addEventListener('ended', e => e.detail.ms)

// Every reason has words: one that is added or renamed is found here.
function words(reason: Reason): string {
  switch (reason) {
    case 'user_logout': case 'idle': case 'absolute': case 'idp_ceiling': case 'refresh_rejected': case 'api_unauthorized':
    case 'backchannel_logout': case 'frontchannel_logout': case 'replaced': case 'session_limit': case 'other_subject': case 'admin': case 'unconfirmed': case '':
      return 'ended: ' + reason
    default: {
      const none: never = reason
      return none
    }
  }
}

// Calls.
async function work(signal: AbortSignal): Promise<number> {
  const lives: boolean = await session.extend() && await extend()
  const filled: number = await session.restore()
  try {
    const response: Response = await fetch('/data', { method: 'POST', body: 'x', signal, headers: { 'Tandem-Activity': 'passive' } })
    await fetch(new URL('/data', location.href))
    await fetch(new Request('/data'))
    return lives ? response.status : filled
  } catch (e) {
    if (e instanceof SessionEndedError) {
      const reason: Reason = e.reason
      const error: Error = e
      console.log(reason, error.message)
    }
    await session.logout()
    await logout()
    return 0
  }
}
// @ts-expect-error: nothing to say
extend('please')
// @ts-expect-error: a promise is awaited
const done: boolean = session.extend()

// The element, found in the document and made by hand.
const found: TandemSessionElement | null = document.querySelector('tandem-session')
const made = document.createElement('tandem-session')
made.setAttribute('activity', 'click')
made.onended = e => console.log(e.detail.reason)
made.onending = e => { e.preventDefault() }
made.addEventListener('ended', e => console.log(e.detail.reason))
made.addEventListener('click', e => console.log(e.clientX))
const plain: HTMLElement = made
document.body.append(plain)
found?.extend().then((lives: boolean) => console.log(lives))
found?.restore().then((n: number) => console.log(n))
found?.logout()
// @ts-expect-error: not a member of it
found?.cover('ended')

// The pieces can be named in signatures.
export function watch<K extends keyof SessionEventMap>(s: Session, type: K, f: (e: SessionEventMap[K]) => void): void {
  s.addEventListener(type, f)
}
export { done, work }
