package cluster

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"regexp"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/nats-io/nats.go"
)

// MinSeed is the least length of a seed, in bytes: who hears a heartbeat can
// try seeds against it, so that a seed must not be guessed.
const MinSeed = 16

// Config describes a gateway of a cluster. Cluster, Gateway and Seed are
// required.
type Config struct {
	Cluster string // its name: letters, digits, - and _
	Gateway string // the name of this gateway in it, likewise

	// NATS says which servers to use, with TLS and credentials. Start from
	// nats.GetDefaultOptions. Connect reconnects for ever and buffers nothing
	// while there is no server, since a late message is worse than none. It
	// calls the callbacks given here beside its own.
	NATS nats.Options

	// Seed is the secret that the digests of flows are made with: the key of a
	// hash.Sip, say. It never leaves the process: gateways prove to each other
	// that they have the same one.
	Seed []byte

	Policy  uint64                  // the hash.Policy.Fingerprint of packets
	Layout  flowcache.Layout        // of the flow table that pins are shared of
	Classes []flowcache.ClassConfig // of that table

	// Heartbeat is how often the gateway says what it runs; default 1 s, at
	// least 10 ms. It is live for others for three times as long.
	Heartbeat time.Duration

	// Prepare is how long a planned change waits for gateways; default 2 s.
	Prepare time.Duration

	// Replicas is on how many servers the log is kept, if this gateway is the
	// first and makes it; default 1, at most 5.
	Replicas int

	// First is the revision that the log begins with, if this gateway is the
	// first and makes it; default 1. A greater one leaves room for groups that
	// had versions before they were joined: see JoinReplica.
	First uint64

	Logger *slog.Logger // of what an operator should know; nil: nobody is told
}

// ConfigError names the field of a Config or GroupConfig that can't be used.
type ConfigError struct {
	Field  string
	Value  any // nil for a secret
	Reason string
}

func (e *ConfigError) Error() string {
	if e.Value == nil {
		return fmt.Sprintf("cluster: %s %s", e.Field, e.Reason)
	}
	return fmt.Sprintf("cluster: %s is %v: %s", e.Field, e.Value, e.Reason)
}

// A token is a name that can stand in a subject, a key and a bucket's name.
var token = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

const tokenReason = "must be 1 to 64 letters, digits, - and _"

// complete returns the configuration with its defaults, or what is wrong.
func (c Config) complete() (Config, error) {
	var err error
	refuse := func(bad bool, field string, value any, reason string) {
		if bad && err == nil {
			err = &ConfigError{Field: field, Value: value, Reason: reason}
		}
	}
	byDefault(&c.Heartbeat, time.Second)
	byDefault(&c.Prepare, 2*time.Second)
	byDefault(&c.Replicas, 1)
	byDefault(&c.Logger, slog.New(slog.DiscardHandler))
	refuse(!token.MatchString(c.Cluster), "Cluster", c.Cluster, tokenReason)
	refuse(!token.MatchString(c.Gateway), "Gateway", c.Gateway, tokenReason)
	refuse(len(c.Seed) < MinSeed, "Seed", nil, fmt.Sprintf("has %d bytes, and needs %d", len(c.Seed), MinSeed))
	refuse(c.Heartbeat < 10*time.Millisecond || c.Heartbeat > time.Minute, "Heartbeat", c.Heartbeat,
		"must be 10 ms to 1 min")
	refuse(c.Prepare < 0 || c.Prepare > time.Hour, "Prepare", c.Prepare, "must be at most 1 h")
	refuse(c.First > math.MaxInt64, "First", c.First, "must be below 2^63")
	refuse(c.Replicas < 1 || c.Replicas > 5, "Replicas", c.Replicas, "must be 1 to 5")
	return c, err
}

func byDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// options returns the options of the NATS client: the caller's, with what a
// gateway needs and with callbacks that tell c too.
func (c *Conn) options() nats.Options {
	o := c.config.NATS
	byDefault(&o.Name, "ecmp "+c.config.Cluster+" "+c.config.Gateway)
	byDefault(&o.InboxPrefix, "_INBOX."+c.config.Gateway)
	byDefault(&o.ReconnectWait, nats.DefaultReconnectWait)
	byDefault(&o.ReconnectJitter, nats.DefaultReconnectJitter)
	byDefault(&o.ReconnectJitterTLS, nats.DefaultReconnectJitterTLS)
	byDefault(&o.Timeout, nats.DefaultTimeout)
	byDefault(&o.SubChanLen, nats.DefaultMaxChanLen)
	o.AllowReconnect, o.MaxReconnect, o.ReconnectBufSize = true, -1, -1
	// A server that is cut off is noticed after three pings.
	if o.PingInterval == 0 || o.PingInterval == nats.DefaultPingInterval {
		o.PingInterval, o.MaxPingsOut = 2*c.config.Heartbeat, 2
	}
	o.DisconnectedErrCB = both(c.disconnected, o.DisconnectedErrCB)
	reconnected := o.ReconnectedCB
	o.ReconnectedCB = func(nc *nats.Conn) {
		c.reconnected(nc)
		if reconnected != nil {
			reconnected(nc)
		}
	}
	async := o.AsyncErrorCB
	o.AsyncErrorCB = func(nc *nats.Conn, s *nats.Subscription, err error) {
		c.refusedByServer(err)
		if async != nil {
			async(nc, s, err)
		}
	}
	return o
}

func both(first, second nats.ConnErrHandler) nats.ConnErrHandler {
	return func(nc *nats.Conn, err error) {
		first(nc, err)
		if second != nil {
			second(nc, err)
		}
	}
}

// maxRevisions is how many changes of a group its log may hold.
const maxRevisions = math.MaxInt32

// ErrClosed is the error of what is asked of a Conn, Membership or Pins that is
// closed.
var ErrClosed = errors.New("cluster: closed")
