// Package embedded runs NATS servers within the process: for tests, for the
// example, and for gateways that want no server beside them. It is a package of
// its own, since whoever has servers already builds none.
package embedded

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// A Config describes a server.
type Config struct {
	Name    string   // unique in the cluster of servers
	Cluster string   // the name of the cluster of servers
	Listen  string   // for clients, such as "127.0.0.1:4222"; port 0 takes a free one
	Peer    string   // for the other servers
	Routes  []string // the peer addresses of all servers, which JetStream needs before the first one starts
	Store   string   // the folder of JetStream's files

	// Options changes what else a server can be told: permissions, TLS.
	Options func(*server.Options)
}

// Start starts a server and waits until it takes connections. The cluster of
// servers may have no leader yet.
func Start(c Config) (*server.Server, error) {
	host, port, err := address(c.Listen)
	if err != nil {
		return nil, err
	}
	o := &server.Options{
		ServerName: c.Name, Host: host, Port: port, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: c.Store,
	}
	if port == 0 {
		o.Port = server.RANDOM_PORT
	}
	if c.Peer != "" {
		o.Cluster.Name = c.Cluster
		if o.Cluster.Host, o.Cluster.Port, err = address(c.Peer); err != nil {
			return nil, err
		}
		if o.Cluster.Port == 0 {
			o.Cluster.Port = server.RANDOM_PORT
		}
		for _, r := range c.Routes {
			o.Routes = append(o.Routes, &url.URL{Scheme: "nats", Host: r})
		}
	}
	if c.Options != nil {
		c.Options(o)
	}
	s, err := server.NewServer(o)
	if err != nil {
		return nil, fmt.Errorf("embedded: server %s: %w", c.Name, err)
	}
	s.Start()
	if !s.ReadyForConnections(30 * time.Second) {
		s.Shutdown()
		return nil, fmt.Errorf("embedded: server %s takes no connections after 30 s", c.Name)
	}
	return s, nil
}

func address(hostport string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(hostport)
	if err != nil {
		return "", 0, fmt.Errorf("embedded: %w", err)
	}
	if port, err = strconv.Atoi(text); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("embedded: no port: %q", hostport)
	}
	return host, port, nil
}
