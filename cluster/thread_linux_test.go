package cluster

import (
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// threadTime returns for how long the thread had a core.
func threadTime(t testing.TB) time.Duration {
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_THREAD, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// processTime returns for how long all threads had a core, together.
func processTime(t testing.TB) time.Duration {
	var u syscall.Rusage
	require.NoError(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
