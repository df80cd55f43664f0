// Holds session.d.ts against what TypeScript infers from session.js itself.
import * as code from 'code'
import type * as types from 'types'

type Same<A, B> = [A] extends [B] ? ([B] extends [A] ? true : ['not in the code:', Exclude<B, A>]) : ['not in the types:', Exclude<A, B>]
type Own<T> = Exclude<keyof T, keyof EventTarget>

// The same exports, and the same members of the session.
const names: Same<keyof typeof code, keyof typeof types> = true
const members: Same<Own<typeof code.session>, Own<types.Session>> = true
const problem: Same<Exclude<keyof code.SessionEndedError, keyof Error>, Exclude<keyof types.SessionEndedError, keyof Error>> = true

// Each can be called as the types say, and answers with what they say.
const extend: typeof types.extend = code.extend
const logout: typeof types.logout = code.logout
const fetch: typeof types.fetch = code.fetch
const texts: typeof types.texts = code.texts
const methods: Pick<types.Session, 'extend' | 'logout' | 'restore'> = code.session

// Every reason that the types name has words on the cover.
type Told = { [K in keyof typeof code.texts]: K extends `ended-${infer R}` ? Exclude<R, 'title' | NonNullable<types.EndedDetail['cause']>> : never }[keyof typeof code.texts]
const reasons: Same<Told, Exclude<types.Reason, ''>> = true

export { names, members, problem, extend, logout, fetch, texts, methods, reasons }
