package program

import "golang.org/x/sys/unix"

// cpuTime is what the thread has used of a processor, in nanoseconds. Other
// programs on the machine are not in it.
func cpuTime() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		panic(err)
	}
	return t.Nano()
}
