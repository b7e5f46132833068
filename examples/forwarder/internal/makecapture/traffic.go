//go:build linux

package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// A flow is one conversation with the service: when it starts, and the pauses
// after each of its exchanges.
type flow struct {
	network  string // tcp or udp
	from, to netip.AddrPort
	start    time.Duration
	pauses   []time.Duration
	abort    bool // end by a reset
}

// plan draws flows that fit into a capture of the given length, in order of
// start: three of five are TCP, every other one is IPv6, and 45 in a hundred
// stay from the first tenth of the capture into the last.
func plan(n int, last time.Duration, seed uint64) []flow {
	rnd := rand.New(rand.NewPCG(seed, 0))
	between := func(a, b time.Duration) time.Duration { return a + time.Duration(rnd.Int64N(int64(b-a))) }
	flows := make([]flow, n)
	for i := range flows {
		f := &flows[i]
		v6, port := i%2 == 1, []uint16{80, 443}[rnd.IntN(2)]
		f.network = "tcp"
		if i%5 >= 3 {
			f.network, port = "udp", []uint16{53, 443}[rnd.IntN(2)]
		}
		f.from = netip.AddrPortFrom(source(v6, rnd.IntN(sources)), uint16(20000+i*31+rnd.IntN(31)))
		f.to = netip.AddrPortFrom(vip(v6), port)
		var end time.Duration
		if rnd.IntN(100) < 45 {
			f.start, end = between(0, last/10), between(last*9/10, last-last/20)
		} else {
			f.start = between(0, last*8/10)
			end = min(f.start+between(last/40, last/3), last*9/10)
		}
		f.abort = rnd.IntN(30) == 0
		// The first exchanges of a flow follow each other soon, as a
		// handshake's or a resolver's do.
		pause := between(time.Second/2, 2*time.Second)
		for t := f.start; t+pause < end; t += pause {
			f.pauses = append(f.pauses, pause)
			pause = min(2*pause, between(4*time.Second, 8*time.Second))
		}
	}
	slices.SortFunc(flows, func(a, b flow) int { return cmp.Compare(a.start, b.start) })
	return flows
}

// serve opens the service's sockets and answers on them until the program ends.
func serve() error {
	for _, v6 := range []bool{false, true} {
		for _, port := range []uint16{80, 443} {
			l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(vip(v6), port)))
			if err != nil {
				return err
			}
			go accept(l)
		}
		for _, port := range []uint16{53, 443} {
			// Bound to the address: a socket bound to none would answer from
			// another one.
			c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(vip(v6), port)))
			if err != nil {
				return err
			}
			go answer(c)
		}
	}
	return nil
}

func accept(l *net.TCPListener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			_, _ = io.Copy(c, c)
			_ = c.Close()
		}()
	}
}

func answer(c *net.UDPConn) {
	buf := make([]byte, 2048)
	for {
		n, from, err := c.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		_, _ = c.WriteToUDPAddrPort(buf[:n], from)
	}
}

// run opens every flow at its time, on the calling thread and so in its
// namespace, and waits until all have ended.
func run(flows []flow) error {
	begin := time.Now()
	failed := make([]error, len(flows))
	var wg sync.WaitGroup
	for i, f := range flows {
		time.Sleep(time.Until(begin.Add(f.start)))
		c, err := f.dial()
		if err != nil {
			failed[i] = err
			continue
		}
		wg.Go(func() { failed[i] = f.talk(c) })
	}
	wg.Wait()
	return errors.Join(failed...)
}

func (f flow) dial() (net.Conn, error) {
	if f.network == "udp" {
		return net.DialUDP("udp", net.UDPAddrFromAddrPort(f.from), net.UDPAddrFromAddrPort(f.to))
	}
	return net.DialTCP("tcp", net.TCPAddrFromAddrPort(f.from), net.TCPAddrFromAddrPort(f.to))
}

// talk sends a line, waits for its echo and pauses, until the flow ends.
func (f flow) talk(c net.Conn) error {
	r := bufio.NewReader(c)
	for i, pause := range f.pauses {
		request := fmt.Sprintf("request %d%s\n", i, strings.Repeat(".", i*7%24))
		if _, err := io.WriteString(c, request); err != nil {
			return err
		}
		if err := c.SetReadDeadline(time.Now().Add(time.Second)); err != nil {
			return err
		}
		if echo, err := r.ReadString('\n'); err != nil || echo != request {
			return fmt.Errorf("%v to %v: answer %q: %w", f.from, f.to, echo, err)
		}
		time.Sleep(pause)
	}
	if t, ok := c.(*net.TCPConn); ok && f.abort {
		if err := t.SetLinger(0); err != nil {
			return err
		}
	}
	return c.Close()
}
