package measure

import (
	"time"

	"golang.org/x/sys/unix"
)

// processorTime is what all threads of the process have used of the processors:
// goroutines beside the measured one, and the garbage collector, are in it.
func processorTime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &t); err != nil {
		panic(err) // only for a clock that there is not
	}
	return time.Duration(t.Nano())
}
