package control

import (
	"net"
	"net/http"
)

// by says who makes a request.
func by(r *http.Request) string { return "HTTP " + r.RemoteAddr }

// A socketListener is one of a unix socket whose connections have the user and
// the process at the other end as their remote address.
type socketListener struct{ *net.UnixListener }

// Accept implements [net.Listener].
func (l socketListener) Accept() (net.Conn, error) {
	c, err := l.AcceptUnix()
	if err != nil {
		return nil, err
	}
	who, err := peerOf(c)
	if err != nil {
		who = "unknown" // it has gone, perhaps
	}
	return socketConn{c, peer(who)}, nil
}

type socketConn struct {
	*net.UnixConn
	peer peer
}

// RemoteAddr implements [net.Conn].
func (c socketConn) RemoteAddr() net.Addr { return c.peer }

// A peer is who is at the other end of a unix socket.
type peer string

// Network implements [net.Addr].
func (peer) Network() string { return "unix" }

func (p peer) String() string { return string(p) }
