package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// The processors that packets are made on and forwarded on.
const (
	generatorCPU = 0
	forwarderCPU = 1
)

// pin binds a thread to a processor; 0 is the calling one, whose children
// inherit it.
func pin(thread, cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	return os.NewSyscallError("sched_setaffinity", unix.SchedSetaffinity(thread, &set))
}

// work is how long the gateway's processor has run for it.
type work struct {
	process time.Duration // the threads of the gateway's process
	// those that receive from lc, and the one that the kernel leaves to what it
	// can't do at once
	kernel time.Duration
}

// workOf returns what was worked for a process, which is 0 where the kernel
// forwards. What is done for the members is done on these threads too.
func workOf(process int) (w work, err error) {
	threads, err := receivers("lc")
	if err != nil {
		return w, err
	}
	late, err := threadsNamed(fmt.Sprint("ksoftirqd/", forwarderCPU))
	if err != nil {
		return w, err
	}
	if w.kernel, err = ran(append(threads, late...)); err != nil || process == 0 {
		return w, err
	}
	own, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", process))
	if err != nil {
		return w, err
	}
	w.process, err = ran(own)
	return w, err
}

// ran returns how long threads have run.
func ran(threads []string) (sum time.Duration, err error) {
	for _, t := range threads {
		text, err := os.ReadFile(filepath.Join(t, "schedstat"))
		if err != nil {
			return 0, err
		}
		var ran int64
		if _, err := fmt.Sscan(string(text), &ran); err != nil {
			return 0, err
		}
		sum += time.Duration(ran)
	}
	return sum, nil
}

// threadsNamed returns the directories of the kernel's threads whose names
// start so.
func threadsNamed(prefix string) ([]string, error) {
	names, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, name := range names {
		comm, err := os.ReadFile(name)
		if err == nil && strings.HasPrefix(string(comm), prefix) { // else it ended
			found = append(found, filepath.Dir(name))
		}
	}
	if len(found) == 0 {
		return nil, fmt.Errorf("there is no thread %s", prefix)
	}
	return found, nil
}

// receivers returns the kernel's threads that receive from an interface.
func receivers(device string) ([]string, error) { return threadsNamed("napi/" + device + "-") }

// pinReceiver binds the kernel's threads that receive from an interface to the
// gateway's processor.
func pinReceiver(device string) error {
	threads, err := receivers(device)
	if err != nil {
		return err
	}
	for _, t := range threads {
		thread, err := strconv.Atoi(filepath.Base(t))
		if err != nil {
			return err
		}
		if err := pin(thread, forwarderCPU); err != nil {
			return err
		}
	}
	return nil
}
