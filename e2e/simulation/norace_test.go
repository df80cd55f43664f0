//go:build !race

package simulation

const quickHistories = 300
