//go:build race

package simulation

// Under the race detector a history takes about six times as long. Races show in few histories,
// so the gate plays all of the quick lane once more without it.
const quickHistories = 60
