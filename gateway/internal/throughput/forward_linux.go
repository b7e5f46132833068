package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
	"github.com/ecmp-go/ecmp/selector"
)

// A forwarder is a data plane at work on the router of a bed.
type forwarder interface {
	stop() (plane.Counters, error)
	pid() int // 0 for the kernel
}

// startForwarder starts the kernel's forwarding or, in a process of its own,
// one of the planes; on one processor, if not -1.
func startForwarder(b *testbed.Bed, name string, sticky bool, cpu int) (forwarder, error) {
	if name == kernelPlane {
		return startKernel(b)
	}
	f := &process{}
	return f, b.Router.Do(func() error {
		if cpu >= 0 {
			if err := pin(0, cpu); err != nil { // this thread ends with Do
				return err
			}
		}
		return f.start(name, len(b.Pods), sticky)
	})
}

const kernelPlane = "kernel" // its forwarding, beside the planes of package planes

// kernel is a route of each version of IP, in place of the blackhole that keeps
// the kernel from forwarding what a plane does.
type kernel struct{ router *netns.Namespace }

func startKernel(b *testbed.Bed) (forwarder, error) {
	var hops4, hops6 strings.Builder
	for pod := range b.Pods {
		fmt.Fprintf(&hops4, " nexthop via 10.9.%d.2", pod+1)
		fmt.Fprintf(&hops6, " nexthop via 2001:db8:9:%d::2", pod+1)
	}
	return kernel{b.Router}, errors.Join(
		b.Router.SetSysctl("ipv4/fib_multipath_hash_policy", 1),
		b.Router.SetSysctl("ipv6/fib_multipath_hash_policy", 1),
		b.Router.IP("route del blackhole "+testbed.Service4+"/32\nroute add "+testbed.Service4+"/32"+hops4.String()+
			"\nroute del blackhole "+testbed.Service6+"/128\nroute add "+testbed.Service6+"/128"+hops6.String()+"\n"))
}

func (kernel) pid() int { return 0 }

func (k kernel) stop() (plane.Counters, error) {
	return plane.Counters{}, k.router.IP("route del " + testbed.Service4 + "/32\nroute add blackhole " +
		testbed.Service4 + "/32\nroute del " + testbed.Service6 + "/128\nroute add blackhole " +
		testbed.Service6 + "/128\n")
}

// A process runs this program's forward.
type process struct {
	command *exec.Cmd
	input   io.Closer
	output  *bufio.Reader
}

func (p *process) start(name string, pods int, sticky bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p.command = exec.Command(self, "-forward", name, "-pods", fmt.Sprint(pods),
		fmt.Sprint("-sticky=", sticky)) //nolint:gosec // it is this program
	p.command.Stderr = os.Stderr
	if p.input, err = p.command.StdinPipe(); err != nil {
		return err
	}
	output, err := p.command.StdoutPipe()
	if err != nil {
		return err
	}
	p.output = bufio.NewReader(output)
	if err := p.command.Start(); err != nil {
		return err
	}
	_, err = p.output.ReadString('\n') // it is ready
	return err
}

func (p *process) pid() int { return p.command.Process.Pid }

func (p *process) stop() (c plane.Counters, err error) {
	err = p.input.Close()
	return c, errors.Join(err, json.NewDecoder(p.output).Decode(&c), p.command.Wait())
}

// forward runs a plane until its input ends.
func forward(name string, pods int, sticky bool) error {
	domain := selector.NewDomain()
	c := plane.Config{In: []string{"lc"}, Domain: domain}
	if sticky {
		c.Sticky = &flowcache.Config{Flows: 100_000}
	}
	kind, ok := plane.Find(planes.All(), name)
	if !ok {
		return fmt.Errorf("there is no plane %q", name)
	}
	p, err := kind.New(c)
	if err != nil {
		return err
	}
	group, err := selector.NewGroup[engine.Adjacency](domain, selector.GroupConfig{Name: "vip",
		Strategy: selector.Maglev{}})
	if err != nil {
		return err
	}
	var numbers []int
	for pod := range pods {
		numbers = append(numbers, pod+1)
	}
	if faults, err := p.SetOutputs(testbed.Outputs(numbers...)); err != nil || len(faults) > 0 {
		return errors.Join(err, faults.Err())
	}
	if _, err := group.Update(testbed.Hops(numbers...)); err != nil {
		return err
	}
	if err := p.Sync([]plane.Service{{Group: group, Prefixes: testbed.Prefixes()}}); err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	fmt.Println("ready")
	err = p.Run(ctx)
	return errors.Join(err, json.NewEncoder(os.Stdout).Encode(p.Counters()), p.Close())
}
