package netns

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// directory is where ip keeps named namespaces.
const directory = "/run/netns"

// prefix starts the name of every namespace of this package. The whole name is
// ecmp-PID-NAME, where PID is the process that made the namespace.
const prefix = "ecmp-"

// A Namespace is a network namespace with a name that ip knows. Its methods are
// safe for concurrent use.
type Namespace struct {
	name string
	file *os.File
}

// Available returns nil if namespaces can be made here, or else the reason why
// not. A test that needs one skips with that reason.
func Available() error {
	if os.Getuid() != 0 {
		return errors.New("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return fmt.Errorf("needs ip of iproute2: %w", err)
	}
	n, err := New(fmt.Sprint("probe", rand.Uint64())) // several may ask at once
	if err != nil {
		return err
	}
	return n.Close()
}

// New makes a namespace with its loopback interface up. The name is one word,
// and no other open namespace of this process may have it.
func New(name string) (*Namespace, error) {
	n := &Namespace{name: fmt.Sprintf("%s%d-%s", prefix, os.Getpid(), name)}
	if err := run("", "netns", "add", n.name); err != nil {
		return nil, err
	}
	var err error
	if n.file, err = os.Open(filepath.Join(directory, n.name)); err != nil {
		return nil, errors.Join(err, remove(n.name))
	}
	if err := n.IP("link set lo up\n"); err != nil {
		return nil, errors.Join(err, n.Close())
	}
	return n, nil
}

// Name returns what ip calls the namespace, as in "link add a type veth peer
// name b netns NAME".
func (n *Namespace) Name() string { return n.name }

// Do runs f in the namespace. The sockets that f opens, the processes that it
// starts and the files of /proc/sys/net that it uses are the namespace's.
// Goroutines that f starts are not in the namespace. The thread of f ends with
// f, and so does a process started with SysProcAttr.Pdeathsig.
func (n *Namespace) Do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		err := errors.New("the function ended its goroutine")
		defer func() { done <- err }()
		// The thread stays locked and so ends with the goroutine: no other
		// goroutine may run on a thread in this namespace.
		runtime.LockOSThread()
		if e := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); e != nil {
			err = os.NewSyscallError("setns", e)
			return
		}
		err = f()
	}()
	return <-done
}

// IP calls the function [IP] in the namespace.
func (n *Namespace) IP(commands string) error {
	return n.Do(func() error { return IP(commands) })
}

// SetSysctl calls the function [SetSysctl] in the namespace.
func (n *Namespace) SetSysctl(name string, value uint64) error {
	return n.Do(func() error { return SetSysctl(name, value) })
}

// SetFeatures calls the function [SetFeatures] in the namespace.
func (n *Namespace) SetFeatures(device string, on bool, features ...string) error {
	return n.Do(func() error { return SetFeatures(device, on, features...) })
}

// Close removes the namespace. It ends, with all its interfaces, as soon as no
// process runs in it and none of its sockets is open.
func (n *Namespace) Close() error {
	return errors.Join(n.file.Close(), remove(n.name))
}

func remove(name string) error { return run("", "netns", "delete", name) }

// RemoveStale removes the namespaces of processes that have ended, and returns
// their names.
func RemoveStale() ([]string, error) {
	entries, err := os.ReadDir(directory)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	var removed []string
	for _, entry := range entries {
		if !Stale(entry.Name()) {
			continue
		}
		if e := remove(entry.Name()); e != nil {
			// If it is gone, another process removed it.
			if _, gone := os.Lstat(filepath.Join(directory, entry.Name())); !errors.Is(gone, os.ErrNotExist) {
				err = errors.Join(err, e)
			}
			continue
		}
		removed = append(removed, entry.Name())
	}
	return removed, err
}

// Stale reports whether a name begins with ecmp-PID- of a process that has
// ended.
func Stale(name string) bool {
	rest, ours := strings.CutPrefix(name, prefix)
	number, _, ok := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(number)
	return ours && ok && err == nil && errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}
