package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
)

// What a client of the storm and a pod say to each other: a number, and the same
// with the number of the pod.
const (
	stormPort    = 7000
	stormRequest = 8
	stormAnswer  = stormRequest + 1
)

// serveStorm answers on all addresses of a pod until the test ends.
func serveStorm(t *testing.T, ns *netns.Namespace, pod byte) {
	t.Helper()
	var l net.Listener
	require.NoError(t, ns.Do(func() (err error) {
		l, err = net.Listen("tcp4", fmt.Sprintf(":%d", stormPort))
		return err
	}))
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close() //nolint:errcheck // the client has what it needs
				message := make([]byte, stormAnswer)
				message[stormRequest] = pod
				for {
					if _, err := io.ReadFull(c, message[:stormRequest]); err != nil {
						return
					}
					if _, err := c.Write(message); err != nil {
						return
					}
				}
			}()
		}
	}()
}

// A stormConn is a connection that lives for as long as it can.
type stormConn struct {
	conn net.Conn
	pod  byte

	mu      sync.Mutex
	answers int
	err     error // it broke
	at      time.Time
}

func (c *stormConn) state() (answers int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.answers, c.err
}

// silence is how long an answer may take: longer than a fault, and than TCP
// waits before it sends again after that.
const stormSilence = 2 * time.Minute

// run asks, and asks again after a pause, until ctx ends or the connection
// breaks.
func (c *stormConn) run(ctx context.Context, pause time.Duration) {
	for n := c.answers; ctx.Err() == nil; n++ {
		pod, err := c.ask(uint64(n))
		if ctx.Err() != nil {
			return
		}
		c.mu.Lock()
		if err == nil && pod != c.pod {
			err = fmt.Errorf("pod %d answers, not %d", pod, c.pod)
		}
		if c.answers, c.err = n+1, err; err != nil {
			c.at = time.Now()
		}
		c.mu.Unlock()
		if err != nil {
			_ = c.conn.Close()
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

func (c *stormConn) ask(n uint64) (pod byte, err error) {
	message := make([]byte, stormAnswer)
	binary.BigEndian.PutUint64(message, n)
	if err := c.conn.SetDeadline(time.Now().Add(stormSilence)); err != nil {
		return 0, err
	}
	if _, err := c.conn.Write(message[:stormRequest]); err != nil {
		return 0, err
	}
	if _, err := io.ReadFull(c.conn, message); err != nil {
		return 0, err
	}
	if got := binary.BigEndian.Uint64(message); got != n {
		return 0, fmt.Errorf("the answer to %d is %d", n, got)
	}
	return message[stormRequest], nil
}

// grow opens connections until there are so many that live.
func (s *storm) grow(to int) {
	s.Helper()
	live := s.conns[:0]
	for _, c := range s.conns {
		if _, err := c.state(); err == nil {
			live = append(live, c)
		}
	}
	s.conns = live
	opened := make([]*stormConn, 0, to)
	require.NoError(s, s.client.Do(func() error {
		for i := len(live); i < to; i++ {
			vip := s.vips[i%len(s.vips)]
			conn, err := net.DialTimeout("tcp4", fmt.Sprintf("%s:%d", vip, stormPort), stormSilence)
			if err != nil {
				return err
			}
			opened = append(opened, &stormConn{conn: conn})
		}
		return nil
	}))
	pause := time.Duration(to) * time.Second / 500 // all together 500 requests a second
	for _, c := range opened {
		var err error
		c.pod, err = c.ask(0)
		require.NoError(s, err, "a new connection")
		c.answers = 1
		s.conns = append(s.conns, c)
		s.running.Go(func() { c.run(s.ctx, pause) })
	}
}

// exchanged waits until each connection has had one more answer, or broke.
func (s *storm) exchanged() {
	s.Helper()
	before := make([]int, len(s.conns))
	for i, c := range s.conns {
		before[i], _ = c.state()
	}
	const patience = stormSilence + time.Minute
	require.Eventually(s, func() bool {
		for i, c := range s.conns {
			if now, err := c.state(); err == nil && now == before[i] {
				return false
			}
		}
		return true
	}, patience, 50*time.Millisecond, "a connection neither has an answer nor breaks")
}
