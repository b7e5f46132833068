// Package cut has a way between a client and a server that a test can cut.
package cut

import (
	"io"
	"net"
	"sync"
	"testing"
)

// A Way passes TCP connections on to a server. It is safe for concurrent use.
type Way struct {
	Addr string // of the way, as net.Dial takes it

	to      string
	answers sync.RWMutex // locked: what the server sends is held up
	mu      sync.Mutex
	cut     bool
	conns   map[net.Conn]bool
}

// New returns a way over loopback to an address, which ends with the test.
func New(t testing.TB, to string) *Way {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &Way{Addr: l.Addr().String(), to: to, conns: make(map[net.Conn]bool)}
	t.Cleanup(func() { _ = l.Close(); w.Cut(true) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go w.serve(c)
		}
	}()
	return w
}

// Cut ends all connections and lets no new one through, or lets them through
// again.
func (w *Way) Cut(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cut = cut
	if cut {
		for c := range w.conns {
			_ = c.Close()
		}
	}
}

// Hold holds up what the server sends, or lets it through again. It is to be let
// through before the test ends.
func (w *Way) Hold(hold bool) {
	if hold {
		w.answers.Lock()
	} else {
		w.answers.Unlock()
	}
}

// An answering connection is to a server whose answers can be held up.
type answering struct {
	net.Conn

	way *Way
}

func (a answering) Read(b []byte) (int, error) {
	n, err := a.Conn.Read(b)
	a.way.answers.RLock()
	defer a.way.answers.RUnlock()
	return n, err
}

// add keeps a connection until it ends or the way is cut.
func (w *Way) add(c net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut {
		_ = c.Close()
		return false
	}
	w.conns[c] = true
	return true
}

func (w *Way) serve(c net.Conn) {
	if !w.add(c) {
		return
	}
	s, err := net.Dial("tcp", w.to)
	if err != nil || !w.add(s) {
		_ = c.Close()
		return
	}
	var both sync.WaitGroup
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		_, _ = to.Close(), from.Close()
	}
	both.Go(func() { pass(s, c) })
	both.Go(func() { pass(c, answering{s, w}) })
	both.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.conns, c)
	delete(w.conns, s)
}
