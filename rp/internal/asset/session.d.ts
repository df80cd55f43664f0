// Types of session.js, the ES module at {prefix}/session.js.
//
//	import { session, fetch } from '/auth/session.js'
//
// Tell TypeScript (5.1 or later) where it is, in tsconfig.json, beside a copy of this
// file:
//
//	"compilerOptions": { "paths": { "/auth/session.js": ["./types/session.d.ts"] } }

/** Why a session ended, as in Go's rp.Reason; '' if the server knows of none. */
export type Reason =
  | 'user_logout' | 'idle' | 'absolute' | 'idp_ceiling' | 'refresh_rejected' | 'api_unauthorized'
  | 'backchannel_logout' | 'frontchannel_logout' | 'replaced' | 'session_limit' | 'other_subject' | 'admin' | 'unconfirmed' | ''

/**
 * What is about to happen. 'idle': the session ends unless the person does
 * something. 'fixed': it ends in any case. 'trust': nobody vouches for it then, so
 * the page is hidden until the person goes on; another app may keep it alive.
 */
export type LimitKind = 'idle' | 'fixed' | 'trust'

export interface EndingDetail {
  readonly kind: LimitKind
  /** How the session will have ended; undefined for 'trust'. */
  readonly reason?: Reason
  /** Milliseconds from now. */
  readonly ms: number
}

export interface EndedDetail {
  readonly reason: Reason
  /** 'inactivity' where the IdP says that nobody was active in any app. */
  readonly cause?: 'inactivity'
}

export interface RestoredDetail {
  /** How many fields got back what was typed into them. */
  readonly fields: number
}

export interface SessionEventMap {
  /** The end is near. preventDefault() keeps the built-in dialog away. */
  ending: CustomEvent<EndingDetail>
  /** The session is over, the page is covered. Fired once. */
  ended: CustomEvent<EndedDetail>
  /** Drafts were put back into their forms. */
  restored: CustomEvent<RestoredDetail>
}

interface SessionMembers {
  onending: ((event: CustomEvent<EndingDetail>) => void) | null
  onended: ((event: CustomEvent<EndedDetail>) => void) | null
  /**
   * Tells the server that the person is active. True: the session goes on. False:
   * it has ended, or the server cannot be reached.
   */
  extend(): Promise<boolean>
  /** Ends the session here and at the IdP; leaves the page. */
  logout(): Promise<void>
  /**
   * Puts drafts back into forms that were not there yet when the page loaded;
   * returns how many fields.
   */
  restore(): Promise<number>
}

export interface Session extends EventTarget, SessionMembers {
  /** '' as long as the server has not answered. */
  readonly state: '' | 'live' | 'anonymous' | 'ended'
  readonly reason: Reason
  readonly subject: string | undefined
  addEventListener<K extends keyof SessionEventMap>(type: K, listener: (event: SessionEventMap[K]) => void, options?: boolean | AddEventListenerOptions): void
  addEventListener(type: string, listener: EventListenerOrEventListenerObject | null, options?: boolean | AddEventListenerOptions): void
}

export const session: Session

export function extend(): Promise<boolean>
export function logout(): Promise<void>

/** What fetch throws after the end. */
export class SessionEndedError extends Error {
  readonly reason: Reason
}

/**
 * The browser's fetch, with three differences for requests to this origin: a 401
 * about the session covers the page, once, and is returned like any other answer;
 * after the end it throws a SessionEndedError without asking; and a request that
 * was not preceded by real input within 5 s is marked passive, so that it never
 * keeps anybody logged in. Set the header Tandem-Activity to decide that yourself.
 */
export function fetch(resource: RequestInfo | URL, init?: RequestInit): Promise<Response>

/** All texts; replace them for another language. {time} becomes minutes and seconds. */
export const texts: Record<string, string>

/** <tandem-session activity="input|click|visible" optional text-…="…"> */
export interface TandemSessionElement extends HTMLElement, SessionMembers {
  // Every HTMLElement has an onended, for media; what is set here gets our event.
  get onended(): HTMLElement['onended']
  set onended(listener: SessionMembers['onended'])
  addEventListener<K extends keyof SessionEventMap>(type: K, listener: (event: SessionEventMap[K]) => void, options?: boolean | AddEventListenerOptions): void
  addEventListener<K extends keyof HTMLElementEventMap>(type: K, listener: (event: HTMLElementEventMap[K]) => void, options?: boolean | AddEventListenerOptions): void
  addEventListener(type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions): void
}

declare global {
  interface HTMLElementTagNameMap {
    'tandem-session': TandemSessionElement
  }
}
