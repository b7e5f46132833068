//go:build race

package racecheck

// On is whether the race detector watches this program.
const On = true
