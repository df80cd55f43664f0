//go:build race

package idpmock_test

// raceDetector slows everything down about five times.
const raceDetector = true
