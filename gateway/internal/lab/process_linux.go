package lab

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/ecmp-go/ecmp/examples/netns"
)

// A process is a child of the lab in a namespace.
type process struct {
	ns     *netns.Namespace
	child  *exec.Cmd
	output bytes.Buffer  // what it said; to be read after it has ended
	ended  chan struct{} // closed when it has ended
}

// launch starts a program.
func (p *process) launch(program string, args ...string) error {
	p.output.Reset()
	p.child = exec.Command(program, args...) //nolint:gosec // the program is this one
	p.child.Stdout, p.child.Stderr = &p.output, &p.output
	// it must not outlive a lab that crashes
	p.child.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ended, started := make(chan struct{}), make(chan error, 1)
	p.ended = ended
	go func() {
		defer close(ended)
		// The thread that starts a child must live as long as it, or Pdeathsig
		// kills the child.
		_ = p.ns.Do(func() error {
			err := p.child.Start()
			started <- err
			if err == nil {
				_ = p.child.Wait() // how it ended shows in what it said
			}
			return err
		})
	}()
	return <-started
}

// signal ends the child by a signal, and waits for that. There may be none, if
// it could not be started.
func (p *process) signal(s os.Signal) {
	if p.child == nil || p.child.Process == nil {
		return
	}
	_ = p.child.Process.Signal(s)
	select {
	case <-p.ended:
	case <-time.After(time.Minute):
		_ = p.child.Process.Kill()
		<-p.ended
	}
}

// said returns what the child said, when it has ended.
func (p *process) said() string { return strings.TrimSpace(p.output.String()) }
