package control

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/net/netutil"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// maxConnections is how many there are at a time; others wait to be accepted.
// It is far below the files that a process may open, which snapshots need too.
const maxConnections = 100

// Listen opens the address, for up to 100 connections at a time. A socket is
// for its owner alone; one that a process left behind that is no more is
// replaced.
func Listen(c config.Control) (net.Listener, error) {
	l, err := listen(c)
	if err != nil {
		return nil, err
	}
	if socket, ok := l.(*net.UnixListener); ok {
		l = socketListener{socket}
	}
	return netutil.LimitListener(l, maxConnections), nil
}

func listen(c config.Control) (net.Listener, error) {
	if c.Network != "unix" {
		if a, err := netip.ParseAddrPort(c.Address); err == nil && a.Addr().Is4() {
			// tcp would take 0.0.0.0 for all addresses of IPv6, too
			return net.Listen("tcp4", c.Address)
		}
		return net.Listen(c.Network, c.Address)
	}
	if err := removeStale(c.Address); err != nil {
		return nil, err
	}
	l, err := net.Listen(c.Network, c.Address)
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(c.Address, 0o600); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

func removeStale(path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().Type() != fs.ModeSocket:
		return fmt.Errorf("%s is there, and no socket", path)
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err == nil {
		return errors.Join(fmt.Errorf("%s is in use", path), conn.Close())
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return err
	}
	return os.Remove(path)
}
