package cluster

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Conn is a gateway's part in a cluster: its connection with NATS, its
// heartbeats and what it heard of others. It is safe for concurrent use.
//
// While there is no NATS server within reach, everything that the gateway has
// stays in force, and Cut says since when. It reconnects by itself, after a
// random wait, and applies in order what it missed.
type Conn struct {
	config   Config
	keys     keys
	instance uint64
	began    time.Time
	nats     *nats.Conn
	js       jetstream.JetStream
	bucket   *bucket
	ctx      context.Context // ends with Close
	stop     context.CancelFunc
	running  sync.WaitGroup
	kick     chan struct{} // asks for a heartbeat at once

	mu       sync.Mutex
	peers    peers
	groups   map[string]*Membership
	sequence uint64
	asking   map[question]bool

	differences map[differenceKey]Difference
	news        chan struct{} // closed and renewed when a gateway was heard

	cut      time.Time            // since when there is no server; zero: there is one
	denied   map[string]time.Time // subjects that the server refused, and when
	deniedAt chan struct{}        // closed and renewed when denied grows
}

// Connect makes this process a gateway of a cluster. It waits until a server
// with JetStream answers and ctx allows it. The first gateway makes the bucket
// of the cluster's groups, ecmp_CLUSTER.
//
// The error is a [*ConfigError], one of NATS, or a [*PermissionError] where the
// bucket does not exist and the gateway may not make it. ctx ends the wait
// alone: Close ends the connection.
func Connect(ctx context.Context, config Config) (*Conn, error) {
	config, err := config.complete()
	if err != nil {
		return nil, err
	}
	c := &Conn{
		config: config, keys: newKeys(config.Seed, config.Cluster), instance: random(), began: time.Now(),
		asking: map[question]bool{}, news: make(chan struct{}), kick: make(chan struct{}, 1),
		groups: map[string]*Membership{}, denied: map[string]time.Time{}, deniedAt: make(chan struct{}),
	}
	c.ctx, c.stop = context.WithCancel(context.Background())
	c.peers = newPeers(&c.config, c.keys)
	if err := c.open(ctx); err != nil {
		c.stop()
		if c.nats != nil {
			c.nats.Close()
		}
		return nil, fmt.Errorf("cluster: gateway %s: %w", config.Gateway, err)
	}
	return c, nil
}

func (c *Conn) open(ctx context.Context) (err error) {
	wait := backoff{}
	for {
		if c.nats, err = c.options().Connect(); err == nil {
			break
		}
		if !errors.Is(err, nats.ErrNoServers) && !errors.Is(err, nats.ErrTimeout) || !wait.sleep(ctx) {
			return err
		}
	}
	if c.js, err = jetstream.New(c.nats); err != nil {
		return err
	}
	if c.bucket, err = c.openBucket(ctx); err != nil {
		return err
	}
	if err := c.listen(); err != nil {
		return err
	}
	c.running.Go(c.beat)
	return nil
}

func random() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return binary.LittleEndian.Uint64(b[:])
}

// Config returns the configuration with every default filled in.
func (c *Conn) Config() Config { return c.config }

// NATS returns the connection with the servers, for pins to use too.
func (c *Conn) NATS() *nats.Conn { return c.nats }

// Instance returns the number by which others tell this connection of the
// gateway from earlier ones. It is drawn at random.
func (c *Conn) Instance() uint64 { return c.instance }

// Cut reports whether no NATS server is within reach, and since when. The
// gateway forwards on with what it has.
func (c *Conn) Cut() (since time.Time, cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cut, !c.cut.IsZero()
}

// Close ends the gateway's part in the cluster, and in all of its groups, which
// stay as they are. It tells the others, so that none of them waits for this
// gateway. It waits for what runs, until ctx ends.
func (c *Conn) Close(ctx context.Context) error {
	c.stop()
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.running.Wait()
	}()
	defer c.nats.Close()
	select {
	case <-done:
	case <-ctx.Done():
		return fmt.Errorf("cluster: gateway %s: close: %w", c.config.Gateway, ctx.Err())
	}
	if !c.nats.IsConnected() {
		return nil
	}
	if err := c.say(time.Now(), true); err != nil {
		return fmt.Errorf("cluster: gateway %s: close: %w", c.config.Gateway, err)
	}
	if err := c.nats.FlushWithContext(ctx); err != nil && !errors.Is(err, nats.ErrConnectionClosed) {
		return fmt.Errorf("cluster: gateway %s: close: %w", c.config.Gateway, err)
	}
	return nil
}

func (c *Conn) disconnected(_ *nats.Conn, err error) {
	if c.ctx.Err() != nil {
		return
	}
	c.mu.Lock()
	if c.cut.IsZero() {
		c.cut = time.Now()
	}
	c.mu.Unlock()
	c.config.Logger.Warn("cluster: no NATS server: forwarding on with what is known", "gateway", c.config.Gateway,
		"error", err)
}

func (c *Conn) reconnected(nc *nats.Conn) {
	c.mu.Lock()
	since := c.cut
	c.cut = time.Time{}
	clear(c.denied) // there may be other permissions now
	for _, m := range c.groups {
		m.follow()
	}
	c.mu.Unlock()
	c.config.Logger.Info("cluster: NATS is back", "gateway", c.config.Gateway, "server", nc.ConnectedUrlRedacted(),
		"after", time.Since(since).Round(time.Millisecond))
	c.hurry()
}

// refusedByServer notes the subject that the gateway may not use.
func (c *Conn) refusedByServer(err error) {
	if !errors.Is(err, nats.ErrPermissionViolation) {
		c.config.Logger.Debug("cluster: NATS", "gateway", c.config.Gateway, "error", err)
		return
	}
	_, subject, ok := strings.Cut(err.Error(), `"`)
	subject, _, closed := strings.Cut(subject, `"`)
	if !ok || !closed {
		return
	}
	now := time.Now()
	c.mu.Lock()
	maps.DeleteFunc(c.denied, func(_ string, at time.Time) bool { return now.Sub(at) >= deniedFor })
	_, known := c.denied[subject]
	if len(c.denied) < 1024 || known {
		c.denied[subject] = now
	}
	close(c.deniedAt)
	c.deniedAt = make(chan struct{})
	c.mu.Unlock()
	if !known {
		c.config.Logger.Warn("cluster: no permission", "gateway", c.config.Gateway, "subject", subject)
	}
}

// deniedFor is how long a subject counts as refused: permissions may change, and
// who tries again hears it again.
const deniedFor = time.Minute

// isDenied reports whether the servers refused a message on a subject lately.
func (c *Conn) isDenied(subject string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	at, is := c.denied[subject]
	return is && now.Sub(at) < deniedFor
}

// A PermissionError says that the servers let this gateway not use a subject:
// it can read, and write nothing. The package documentation lists which
// subjects a gateway needs.
type PermissionError struct {
	Gateway string
	Subject string
}

func (e *PermissionError) Error() string {
	return fmt.Sprintf("cluster: gateway %s has no permission to use subject %s", e.Gateway, e.Subject)
}

// permitted runs f, which uses the subject, and ends its context as soon as the
// server refuses that.
func (c *Conn) permitted(ctx context.Context, subject string, f func(context.Context) error) error {
	began := time.Now()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	for {
		c.mu.Lock()
		at, more := c.denied[subject], c.deniedAt
		c.mu.Unlock()
		if at.After(began) {
			cancel(&PermissionError{Gateway: c.config.Gateway, Subject: subject})
			<-done //nolint:errcheck // it was cancelled, and the cause is told
			return context.Cause(ctx)
		}
		select {
		case err := <-done:
			return err
		case <-more:
		}
	}
}
