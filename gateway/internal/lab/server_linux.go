package lab

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

const (
	port        = 7000 // of the service
	requestSize = 8    // a number
	answerSize  = requestSize + 1
	forget      = 30 * time.Second // a client that says nothing
)

// A server is a pod's: it answers each request over TCP and UDP by the same
// bytes and the pod's number, from the virtual address.
type server struct {
	pod    byte
	tcp    net.Listener
	udp    *net.UDPConn
	wait   sync.WaitGroup
	mu     sync.Mutex
	closed bool
	conns  map[net.Conn]struct{}
}

func newServer(p *pod, vip netip.Addr) (*server, error) {
	s := &server{pod: byte(p.number), conns: make(map[net.Conn]struct{})}
	addr := netip.AddrPortFrom(vip, port)
	err := p.ns.Do(func() (err error) {
		if s.tcp, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(addr)); err != nil {
			return err
		}
		s.udp, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr))
		return err
	})
	if err != nil {
		if s.tcp != nil {
			err = errors.Join(err, s.tcp.Close())
		}
		return nil, err
	}
	s.wait.Go(s.accept)
	s.wait.Go(s.answerUDP)
	return s, nil
}

func (s *server) accept() {
	for {
		conn, err := s.tcp.Accept()
		if err != nil {
			return // closed
		}
		s.mu.Lock()
		s.conns[conn] = struct{}{}
		closed := s.closed
		s.mu.Unlock()
		if closed {
			_ = conn.Close()
			return
		}
		s.wait.Go(func() { s.answerTCP(conn) })
	}
}

func (s *server) answerTCP(conn net.Conn) {
	message := make([]byte, answerSize)
	message[requestSize] = s.pod
	for {
		if err := conn.SetReadDeadline(time.Now().Add(forget)); err != nil {
			break
		}
		if _, err := io.ReadFull(conn, message[:requestSize]); err != nil {
			break
		}
		if _, err := conn.Write(message); err != nil {
			break
		}
	}
	s.mu.Lock()
	delete(s.conns, conn)
	s.mu.Unlock()
	_ = conn.Close()
}

func (s *server) answerUDP() {
	message := make([]byte, answerSize)
	for {
		n, from, err := s.udp.ReadFromUDPAddrPort(message)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n != requestSize {
			continue
		}
		message[requestSize] = s.pod
		_, _ = s.udp.WriteToUDPAddrPort(message, from) // an answer that is lost is asked for again
	}
}

func (s *server) close() {
	s.mu.Lock()
	s.closed = true
	_ = s.tcp.Close()
	_ = s.udp.Close()
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mu.Unlock()
	s.wait.Wait()
}
