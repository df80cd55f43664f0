//go:build !race

package idpmock_test

const raceDetector = false
