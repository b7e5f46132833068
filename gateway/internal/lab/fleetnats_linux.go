package lab

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	nats "github.com/nats-io/nats-server/v2/server"

	"github.com/ecmp-go/ecmp/cluster/embedded"
	"github.com/ecmp-go/ecmp/examples/netns"
)

// startServers starts three NATS servers in this process.
func startServers(store string) (*embedded.Three, error) {
	return embedded.StartThree(store, func(o *nats.Options) {
		o.Cluster.NoAdvertise = true // gateways reach them by doors alone
	})
}

// A door is how a gateway, in its namespace, reaches the servers of this
// process: an address of its loopback for each. A door that is shut is a
// gateway that is cut off.
type door struct {
	listeners []net.Listener
	wait      sync.WaitGroup

	mu    sync.Mutex
	shut  bool
	conns map[net.Conn]bool
}

const firstDoor = 7101 // its port, and those after it

func newDoor(ns *netns.Namespace, servers *embedded.Three) (*door, error) {
	d := &door{conns: make(map[net.Conn]bool)}
	for i, url := range servers.URLs() {
		to := strings.TrimPrefix(url, "nats://")
		err := ns.Do(func() error {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", firstDoor+i))
			if err == nil {
				d.listeners = append(d.listeners, l)
			}
			return err
		})
		if err != nil {
			return nil, errors.Join(err, d.close())
		}
		l := d.listeners[i]
		d.wait.Go(func() { d.accept(l, to) })
	}
	return d, nil
}

// doorURLs are those that a gateway has.
func doorURLs() []string {
	var urls []string
	for i := range 3 {
		urls = append(urls, fmt.Sprintf("nats://127.0.0.1:%d", firstDoor+i))
	}
	return urls
}

func (d *door) accept(l net.Listener, to string) {
	for {
		in, err := l.Accept()
		if err != nil {
			return // closed
		}
		d.wait.Go(func() { d.pass(in, to) })
	}
}

// pass passes on what the gateway and the server say, until one of them ends,
// or the door is shut.
func (d *door) pass(in net.Conn, to string) {
	defer in.Close() //nolint:errcheck // nothing is left to be sent
	out, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer out.Close() //nolint:errcheck // as above
	if !d.add(in, out) {
		return
	}
	var both sync.WaitGroup
	for _, c := range [][2]net.Conn{{in, out}, {out, in}} {
		both.Go(func() {
			_, _ = io.Copy(c[0], c[1])
			_ = in.Close()
			_ = out.Close()
		})
	}
	both.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.conns, in)
	delete(d.conns, out)
}

// add notes connections, unless the door is shut.
func (d *door) add(conns ...net.Conn) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		return false
	}
	for _, c := range conns {
		d.conns[c] = true
	}
	return true
}

// set shuts or opens the door.
func (d *door) set(shut bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut = shut; !shut {
		return
	}
	for c := range d.conns {
		_ = c.Close()
	}
}

func (d *door) close() error {
	d.set(true)
	var err error
	for _, l := range d.listeners {
		err = errors.Join(err, l.Close())
	}
	d.wait.Wait()
	return err
}
