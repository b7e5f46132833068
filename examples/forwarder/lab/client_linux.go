package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/ecmp-go/ecmp/examples/internal/netns"
)

// A client opens flows to the virtual address. It takes the ports from firstPort on, none twice: a closed connection keeps
// its port for a minute, and with the same ports a run is repeatable.
type client struct {
	ns   *netns.Namespace
	from netip.Addr
	to   netip.AddrPort
	port uint16 // the next
}

const firstPort = 10000

// A load is TCP connections and UDP flows that run.
type load struct {
	tcp, udp []*flow
	stop     context.CancelFunc
	wait     sync.WaitGroup
}

// open opens n connections and n UDP flows. Each has had an answer when open returns.
func (c *client) open(ctx context.Context, n int) (*load, error) {
	ctx, stop := context.WithCancel(ctx)
	l := &load{stop: stop}
	err := c.ns.Do(func() error {
		for range n {
			from := netip.AddrPortFrom(c.from, c.port)
			c.port++
			tcp, err := (&net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(from), Timeout: silence}).DialContext(ctx, "tcp", c.to.String())
			if err != nil {
				return fmt.Errorf("connection %d of %d: %w", len(l.tcp)+1, n, err)
			}
			l.tcp = append(l.tcp, &flow{conn: tcp, ask: askTCP})
			udp, err := (&net.Dialer{LocalAddr: net.UDPAddrFromAddrPort(from)}).DialContext(ctx, "udp", c.to.String())
			if err != nil {
				return err
			}
			l.udp = append(l.udp, &flow{conn: udp, ask: askUDP})
		}
		return nil
	})
	if err == nil {
		pause := max(10*time.Millisecond, time.Duration(2*n)*time.Second/8000) // at most 8000 requests a second
		for f := range l.flows {
			l.wait.Go(func() { f.run(ctx, pause) })
		}
		err = l.exchange(ctx, 1)
	}
	for f := range l.flows {
		if err == nil && f.state().end != alive {
			err = fmt.Errorf("a new flow from %s got no answer", f.conn.LocalAddr())
		}
	}
	if err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// flows yields all of them, TCP first.
func (l *load) flows(yield func(*flow) bool) {
	for _, flows := range [][]*flow{l.tcp, l.udp} {
		for _, f := range flows {
			if !yield(f) {
				return
			}
		}
	}
}

// exchange waits until every flow has had so many more answers, or has ended.
func (l *load) exchange(ctx context.Context, answers int) error {
	goals := make(map[*flow]int)
	for f := range l.flows {
		goals[f] = f.state().answers + answers
	}
	for len(goals) > 0 {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
		for f, goal := range goals {
			switch state := f.state(); {
			case state.err != nil:
				return state.err
			case state.end != alive || state.answers >= goal:
				delete(goals, f)
			}
		}
	}
	return nil
}

func (l *load) close() {
	l.stop()
	for f := range l.flows {
		_ = f.conn.SetDeadline(time.Unix(1, 0)) // wakes it
	}
	l.wait.Wait()
	for f := range l.flows {
		_ = f.conn.Close()
	}
}

// count returns how many connections and UDP flows are with the pods.
func (l *load) count(pods []*pod) (tcp, udp int) {
	with := map[byte]bool{}
	for _, p := range pods {
		with[byte(p.number)] = true
	}
	for _, f := range l.tcp {
		if with[f.state().pod] {
			tcp++
		}
	}
	for _, f := range l.udp {
		if with[f.state().pod] {
			udp++
		}
	}
	return tcp, udp
}
