package lab

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/ecmp-go/ecmp/examples/netns"
)

// A client opens flows to the virtual address. It takes the ports from
// firstPort on, and none twice in a minute, for so long a closed connection
// keeps its port. With the same ports a run is repeatable.
type client struct {
	ns   *netns.Namespace
	from netip.Addr
	to   netip.AddrPort
	port uint16 // the next
	rate int    // requests a second, of all flows that are opened; 0: mostRequests
	end  uint16 // before this one it goes back to the first; 0: never
}

const (
	mostRequests   = 8000 // a second
	firstPort      = 10000
	firstEphemeral = 32768 // of those that the kernel gives
)

func (c *client) advance() {
	if c.port++; c.port == c.end {
		c.port = firstPort
	}
}

// A load is TCP connections and UDP flows that run.
type load struct {
	client   *client
	rate     int
	tcp, udp []*flow
	ctx      context.Context //nolint:containedctx // that of the flows, which run until stop
	stop     context.CancelFunc
	wait     sync.WaitGroup
}

// open opens n connections and n UDP flows. Each has had an answer when open
// returns.
func (c *client) open(ctx context.Context, n int) (*load, error) {
	l := &load{client: c}
	l.ctx, l.stop = context.WithCancel(ctx)
	l.rate = c.rate
	if err := l.grow(n, n); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

// grow adds connections and UDP flows.
func (l *load) grow(tcp, udp int) error {
	var opened []*flow
	err := l.client.ns.Do(func() error {
		for i := range max(tcp, udp) {
			if i < tcp {
				f, err := l.dial("tcp", askTCP)
				if err != nil {
					return err
				}
				l.tcp, opened = append(l.tcp, f), append(opened, f)
			}
			if i < udp {
				f, err := l.dial("udp", askUDP)
				if err != nil {
					return err
				}
				l.udp, opened = append(l.udp, f), append(opened, f)
			}
			l.client.advance()
		}
		return nil
	})
	if err != nil {
		return err
	}
	pause := max(10*time.Millisecond,
		time.Duration(len(l.tcp)+len(l.udp))*time.Second/time.Duration(cmp.Or(l.rate, mostRequests)))
	for _, f := range opened {
		l.wait.Go(func() { f.run(l.ctx, pause) })
	}
	if err := l.exchange(1); err != nil {
		return err
	}
	for _, f := range opened {
		state := f.state()
		if state.end != alive {
			return fmt.Errorf("a new flow from %s got no answer", f.conn.LocalAddr())
		}
		f.home = state.pod
	}
	return nil
}

// dial opens a flow from the client's next port.
func (l *load) dial(network string, ask func(conn net.Conn, request, answer []byte) error) (*flow, error) {
	from := netip.AddrPortFrom(l.client.from, l.client.port)
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(from), Timeout: silence}
	if network == "udp" {
		d.LocalAddr = net.UDPAddrFromAddrPort(from)
	}
	conn, err := d.DialContext(l.ctx, network, l.client.to.String())
	return &flow{conn: conn, ask: ask}, err
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
func (l *load) exchange(answers int) error {
	goals := make(map[*flow]int)
	for f := range l.flows {
		goals[f] = f.state().answers + answers
	}
	for len(goals) > 0 {
		select {
		case <-l.ctx.Done():
			return l.ctx.Err()
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
		f.close()
	}
}

// count returns how many connections and UDP flows are with the pods.
func (l *load) count(pods []*pod) (tcp, udp int) {
	with := map[byte]bool{}
	for _, p := range pods {
		with[byte(p.number)] = true
	}
	for _, f := range l.tcp {
		if with[f.home] {
			tcp++
		}
	}
	for _, f := range l.udp {
		if with[f.home] {
			udp++
		}
	}
	return tcp, udp
}
