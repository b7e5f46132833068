package bgp_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
)

const port = 7000 // of the service

// serve answers each byte that comes over TCP to the service at a pod by the
// pod's number, until the test ends.
func serve(t *testing.T, pod *netns.Namespace, number byte) {
	t.Helper()
	serveAt(t, pod, number, vip4)
	serveAt(t, pod, number, vip6)
}

func serveAt(t *testing.T, pod *netns.Namespace, number byte, addr string) {
	t.Helper()
	var l net.Listener
	at := net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), port))
	require.NoError(t, pod.Do(func() (err error) {
		l, err = net.ListenTCP("tcp", at)
		return err
	}))
	var open sync.WaitGroup
	var mu sync.Mutex
	conns := map[net.Conn]bool{}
	open.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			conns[c] = true
			mu.Unlock()
			open.Go(func() { answer(c, number) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for c := range conns {
			_ = c.Close()
		}
		mu.Unlock()
		open.Wait()
	})
}

func answer(c net.Conn, number byte) {
	defer c.Close() //nolint:errcheck // nothing is left to be sent
	b := make([]byte, 1)
	for {
		if _, err := c.Read(b); err != nil {
			return
		}
		if _, err := c.Write([]byte{number}); err != nil {
			return
		}
	}
}

// connections are those of the client to the service, half of each family.
type connections struct {
	conns []net.Conn
	pods  []byte // that each is to
}

// connect opens connections, which the end of the test closes.
func (b *bed) connect(t *testing.T, n int) *connections {
	t.Helper()
	var c connections
	require.NoError(t, b.client.Do(func() error {
		for i := range n {
			to := netip.AddrPortFrom(netip.MustParseAddr([]string{vip4, vip6}[i%2]), port)
			conn, err := net.DialTimeout("tcp", to.String(), time.Minute)
			if err != nil {
				return fmt.Errorf("connection %d: %w", i, err)
			}
			c.conns = append(c.conns, conn)
		}
		return nil
	}))
	t.Cleanup(func() {
		for _, conn := range c.conns {
			_ = conn.Close()
		}
	})
	c.pods = make([]byte, n)
	require.Zero(t, c.lost(), "when they began")
	return &c
}

// lost has each connection asked once, and returns how many got no answer from
// the pod that they are to. TCP sends again what is lost on a path that ends:
// that takes time, and no connection.
func (c *connections) lost() int {
	errs := make([]error, len(c.conns))
	var all sync.WaitGroup
	for i, conn := range c.conns {
		all.Go(func() { errs[i] = c.ask(i, conn) })
	}
	all.Wait()
	n := 0
	for _, err := range errs {
		if err != nil {
			n++
		}
	}
	return n
}

var errOtherPod = errors.New("another pod answered")

func (c *connections) ask(i int, conn net.Conn) error {
	_ = conn.SetDeadline(time.Now().Add(2 * time.Minute)) // TCP sends again after up to twice the time that is lost
	if _, err := conn.Write([]byte{0}); err != nil {
		return err
	}
	b := make([]byte, 1)
	if _, err := io.ReadFull(conn, b); err != nil {
		return err
	}
	if c.pods[i] != 0 && c.pods[i] != b[0] {
		return errOtherPod
	}
	c.pods[i] = b[0]
	return nil
}
