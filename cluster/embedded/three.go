package embedded

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// Three is three servers that form a cluster with JetStream, on the loopback
// interface: what tests and the example use, where one server can be stopped
// while the others go on. It is for one goroutine.
type Three struct {
	servers [3]*server.Server
	configs [3]Config
}

// StartThree starts three servers whose files are below a folder, and waits
// until they have a leader. change may change what else the servers can be
// told; nil changes nothing.
func StartThree(store string, change func(*server.Options)) (*Three, error) {
	t := &Three{}
	routes, err := FreeAddresses(len(t.servers))
	if err != nil {
		return nil, err
	}
	for i := range t.servers {
		name := fmt.Sprintf("n%d", i+1)
		t.configs[i] = Config{
			Name: name, Cluster: "three", Listen: "127.0.0.1:0", Peer: routes[i], Routes: routes,
			Store: filepath.Join(store, name), Options: change,
		}
		if err := t.Start(i); err != nil {
			t.Stop()
			return nil, err
		}
	}
	if err := t.Ready(time.Minute); err != nil {
		t.Stop()
		return nil, err
	}
	return t, nil
}

// Start starts server i, 0 to 2, again, at the addresses that it had.
func (t *Three) Start(i int) error {
	s, err := Start(t.configs[i])
	if err != nil {
		return err
	}
	t.servers[i] = s
	t.configs[i].Listen = s.Addr().String()
	return nil
}

// Halt stops server i.
func (t *Three) Halt(i int) {
	if s := t.servers[i]; s != nil {
		s.Shutdown()
		s.WaitForShutdown()
		t.servers[i] = nil
	}
}

// Stop stops all servers.
func (t *Three) Stop() {
	for i := range t.servers {
		t.Halt(i)
	}
}

// URLs returns the addresses for clients.
func (t *Three) URLs() []string {
	var urls []string
	for _, c := range t.configs {
		urls = append(urls, "nats://"+c.Listen)
	}
	return urls
}

// Ready waits until the servers that run know a leader of JetStream.
func (t *Three) Ready(limit time.Duration) error {
	for end := time.Now().Add(limit); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		ready := true
		for _, s := range t.servers {
			ready = ready && (s == nil || s.JetStreamIsCurrent())
		}
		if ready {
			return nil
		}
	}
	return errors.New("embedded: the servers have no leader")
}

// FreeAddresses returns addresses of the loopback interface that nobody listens
// on at this moment.
func FreeAddresses(n int) ([]string, error) {
	addresses := make([]string, n)
	for i := range addresses {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("embedded: %w", err)
		}
		defer func() { _ = l.Close() }() // all are held until all are drawn
		addresses[i] = l.Addr().String()
	}
	return addresses, nil
}
