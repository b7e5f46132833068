//go:build !linux

package program

import "time"

// cpuTime is the time itself: a quiet machine is needed.
func cpuTime() int64 { return time.Now().UnixNano() }
