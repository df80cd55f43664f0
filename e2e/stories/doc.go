// Package stories tells, in a real browser against the whole demo, what Tandem is
// for: three apps, one person, windows of a few seconds of real time.
package stories
