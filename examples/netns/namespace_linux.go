package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// directory is where ip keeps the named namespaces.
const directory = "/run/netns"

// prefix starts the name of every namespace made here: ecmp-PID-NAME, with the
// process that made it.
const prefix = "ecmp-"

// A Namespace is a network namespace with a name that ip knows. Its methods are
// safe for concurrent use.
type Namespace struct {
	name string
	file *os.File
}

// Available returns nil where namespaces can be made, or the reason why not,
// for a test that must skip.
func Available() error {
	if os.Getuid() != 0 {
		return errors.New("network namespaces need root")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		return fmt.Errorf("needs ip of iproute2: %w", err)
	}
	n, err := New("probe")
	if err != nil {
		return err
	}
	return n.Close()
}

// New makes a namespace, with its loopback interface up. The name is one word;
// no other namespace that this process has open may have it.
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

// Do runs f in the namespace: the sockets that it opens, the processes that it
// starts and its /proc/sys/net are the namespace's. What f leaves to other
// goroutines is not. The thread that f runs on ends with it, which matters to
// SysProcAttr.Pdeathsig.
func (n *Namespace) Do(f func() error) error {
	done := make(chan error, 1)
	go func() {
		err := errors.New("the function ended its goroutine")
		defer func() { done <- err }()
		// never unlocked: a thread in another namespace must not run anything
		// else
		runtime.LockOSThread()
		if e := unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); e != nil {
			err = os.NewSyscallError("setns", e)
			return
		}
		err = f()
	}()
	return <-done
}

// IP is the function [IP], in the namespace.
func (n *Namespace) IP(commands string) error {
	return n.Do(func() error { return IP(commands) })
}

// SetSysctl is the function [SetSysctl], in the namespace.
func (n *Namespace) SetSysctl(name string, value uint64) error {
	return n.Do(func() error { return SetSysctl(name, value) })
}

// SetFeatures is the function [SetFeatures], in the namespace.
func (n *Namespace) SetFeatures(device string, on bool, features ...string) error {
	return n.Do(func() error { return SetFeatures(device, on, features...) })
}

// Close removes the namespace with all that is in it, as soon as no process
// runs in it and no socket of it is open.
func (n *Namespace) Close() error {
	return errors.Join(n.file.Close(), remove(n.name))
}

func remove(name string) error { return run("", "netns", "delete", name) }

// RemoveStale removes the namespaces that were made by processes that are no
// more, and returns their names.
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
			// else another process was faster
			if _, gone := os.Lstat(filepath.Join(directory, entry.Name())); !errors.Is(gone, os.ErrNotExist) {
				err = errors.Join(err, e)
			}
			continue
		}
		removed = append(removed, entry.Name())
	}
	return removed, err
}

// Stale reports whether a name begins as that of a namespace does whose process
// is no more.
func Stale(name string) bool {
	rest, ours := strings.CutPrefix(name, prefix)
	number, _, ok := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(number)
	return ours && ok && err == nil && errors.Is(unix.Kill(pid, 0), unix.ESRCH)
}
