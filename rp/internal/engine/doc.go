// Package engine keeps sessions: it decrypts and stores their records, notes activity, tells
// the IdP of it, believes or doubts the answers, ends sessions, and reports the ends. It asks
// the rules (lifetime, verdict) and carries out their decisions, with the store and the
// client of the IdP.
//
// It knows no browser: no request, no cookie, no page. Package rp turns requests into calls
// of an Engine, and its errors into answers.
package engine
