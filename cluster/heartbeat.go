package cluster

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// A heartbeat is what a gateway says of itself, as JSON that an operator can
// read: nats sub 'ecmp.*.heartbeat.*'. Its seal is a header of the message.
type heartbeat struct {
	Cluster  string            `json:"cluster"`
	Gateway  string            `json:"gateway"`
	Instance uint64            `json:"instance"`
	Sequence uint64            `json:"sequence"` // grows in an instance
	Every    time.Duration     `json:"every"`
	Leaving  bool              `json:"leaving,omitempty"`
	Settings settings          `json:"settings"`
	Groups   map[string]Report `json:"groups"`
}

const sealHeader = "Ecmp-Seal"

// minBeat is the least time between two heartbeats.
const minBeat = 5 * time.Millisecond

// open returns the heartbeat of the named gateway, or why it is refused.
func (k keys) open(name string, text []byte, seal string) (h heartbeat, err error) {
	if !k.sealed(text, seal) {
		return h, &RefusedError{Gateway: name, Field: FieldSeed}
	}
	if err := json.Unmarshal(text, &h); err != nil || h.Gateway != name {
		return h, &RefusedError{Gateway: name, Field: FieldSeed}
	}
	return h, nil
}

func (c *Conn) subject(kind, gateway string) string {
	return "ecmp." + c.config.Cluster + "." + kind + "." + gateway
}

// listen subscribes to what others say and ask.
func (c *Conn) listen() error {
	own := c.config.Gateway
	for subject, f := range map[string]nats.MsgHandler{
		c.subject("heartbeat", "*"): c.hear,
		c.subject("prove", own):     c.prove,
		c.subject("members", own):   c.tellMembers,
	} {
		if _, err := c.nats.Subscribe(subject, f); err != nil {
			return fmt.Errorf("subscribe to %s: %w", subject, err)
		}
	}
	return c.nats.Flush()
}

// beat says what the gateway runs, once a heartbeat and when that changes.
func (c *Conn) beat() {
	ticker := time.NewTicker(c.config.Heartbeat)
	defer ticker.Stop()
	for {
		now := time.Now()
		_ = c.say(now, false) // without a server nobody hears it
		c.review(now)
		pause := time.NewTimer(minBeat)
		select {
		case <-c.ctx.Done():
			pause.Stop()
			return
		case <-pause.C:
		}
		select {
		case <-c.ctx.Done():
			return
		case <-ticker.C:
		case <-c.kick:
		}
	}
}

// hurry has a heartbeat sent at once.
func (c *Conn) hurry() {
	select {
	case c.kick <- struct{}{}:
	default:
	}
}

func (c *Conn) say(now time.Time, leaving bool) error {
	h := heartbeat{
		Cluster: c.config.Cluster, Gateway: c.config.Gateway, Instance: c.instance, Every: c.config.Heartbeat,
		Leaving: leaving, Groups: map[string]Report{},
	}
	c.mu.Lock()
	c.sequence++
	h.Sequence, h.Settings = c.sequence, c.peers.own
	groups := c.memberships()
	c.peers.forget(now)
	c.mu.Unlock()
	for _, m := range groups {
		h.Groups[m.name] = m.report()
	}
	text, err := json.Marshal(h)
	if err != nil {
		return err
	}
	message := nats.NewMsg(c.subject("heartbeat", c.config.Gateway))
	message.Data = text
	message.Header.Set(sealHeader, c.keys.seal(text))
	return c.nats.PublishMsg(message)
}

// hear takes in a heartbeat.
func (c *Conn) hear(message *nats.Msg) {
	now := time.Now()
	name := message.Subject[strings.LastIndexByte(message.Subject, '.')+1:]
	if name == c.config.Gateway {
		c.hearOwn(message)
		return
	}
	c.mu.Lock()
	before := c.peers.known[name]
	first := before == nil || !c.peers.live(before, now)
	q, challenge := c.peers.heard(name, message.Data, message.Header.Get(sealHeader), now)
	var instance uint64
	if q != nil {
		instance = q.Instance
	}
	c.mu.Unlock()
	if challenge {
		go c.challenge(name, instance)
	}
	if first && (challenge || q != nil && q.Refused == nil) {
		c.hurry() // so that a new gateway knows this one at once
	}
	c.review(now)
}

// hearOwn tells of another process with the seed that uses the name of this
// gateway. Where that has another seed, the others tell of it.
func (c *Conn) hearOwn(message *nats.Msg) {
	now := time.Now()
	h, err := c.keys.open(c.config.Gateway, message.Data, message.Header.Get(sealHeader))
	c.mu.Lock()
	first := false
	switch {
	case err != nil:
		c.peers.forged++
	case h.Instance != c.instance:
		first = !c.config.twin(c.peers.twin, now)
		c.peers.twin = now
	}
	c.mu.Unlock()
	if first {
		c.config.Logger.Error("cluster: another process uses the name of this gateway", "gateway", c.config.Gateway)
	}
}

// challenge has another gateway prove its seed.
func (c *Conn) challenge(name string, instance uint64) {
	nonce := make([]byte, 32)
	_, _ = rand.Read(nonce) // it never fails
	message := nats.NewMsg(c.subject("prove", name))
	message.Data = nonce
	message.Header.Set("Ecmp-Gateway", c.config.Gateway)
	ctx, cancel := context.WithTimeout(c.ctx, c.config.Heartbeat)
	defer cancel()
	answer, err := c.nats.RequestMsgWithContext(ctx, message)
	if err != nil {
		return // the next heartbeat asks again
	}
	if !hmac.Equal(answer.Data, c.keys.proof(name, instance, c.config.Gateway, nonce)) {
		c.config.Logger.Warn("cluster: a gateway could not prove its seed", "gateway", name)
		return
	}
	c.mu.Lock()
	c.peers.prove(name, instance)
	c.mu.Unlock()
	c.review(time.Now())
}

// prove answers a challenge.
func (c *Conn) prove(message *nats.Msg) {
	if len(message.Data) != 32 {
		return
	}
	_ = message.Respond(c.keys.proof(c.config.Gateway, c.instance, message.Header.Get("Ecmp-Gateway"), message.Data))
}
