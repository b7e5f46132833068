package joined_test

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// A proxy is on the way from a gateway to its server, and can be cut.
type proxy struct {
	at, to string

	mu    sync.Mutex
	is    bool // cut
	conns []net.Conn
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{at: l.Addr().String(), to: to}
	t.Cleanup(func() { _ = l.Close(); p.cut(true) })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.pass(c)
		}
	}()
	return p
}

func (p *proxy) pass(from net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	to, err := net.Dial("tcp", p.to)
	if err != nil || p.is {
		_ = from.Close()
		return
	}
	p.conns = append(p.conns, from, to)
	go func() { _, _ = io.Copy(to, from) }()
	go func() { _, _ = io.Copy(from, to) }()
}

// cut ends all connections, and has no new one until it is healed.
func (p *proxy) cut(is bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.is = is
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}
