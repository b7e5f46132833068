//go:build !linux

package cluster

import (
	"testing"
	"time"
)

// threadTime returns 0: only Linux tells for how long a thread had a core.
func threadTime(testing.TB) time.Duration { return 0 }

func processTime(testing.TB) time.Duration { return 0 }
