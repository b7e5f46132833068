// Package racecheck lets tests say what the race detector can't see.
package racecheck

import "testing"

// OneGoroutine skips a test under the race detector, which slows it ten to
// twenty times: what one goroutine computes has no races. Without the detector
// the test runs.
func OneGoroutine(t testing.TB) {
	t.Helper()
	if On {
		t.Skip("one goroutine computes: there is nothing for the race detector, which makes minutes of it")
	}
}
