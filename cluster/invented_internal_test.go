package cluster

import (
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
)

// A name that no gateway can have is not remembered: it may be no text at all.
func TestNamesThatNobodyHas(t *testing.T) {
	p, c := hearer()
	for i, name := range []string{"", "\xff", "g 2", "g\n2"} {
		text, seal := newSpeaker(name, goodSeed, c).say()
		q, challenge := p.heard(name, text, seal, time.Unix(1000, 0))
		require.Nil(t, q)
		require.False(t, challenge)
		require.Empty(t, p.known)
		require.Equal(t, uint64(i+1), p.forged)
	}
}

// Another process with the seed is a twin; who has no seed can't feign one.
func TestTwins(t *testing.T) {
	p, config := hearer()
	c := &Conn{config: config, keys: p.keys, instance: 5, peers: *p}
	c.config.Logger = slog.New(slog.DiscardHandler)
	hear := func(seed string, instance uint64) {
		s := newSpeaker("here", seed, config)
		s.Instance = instance
		m := nats.NewMsg("ecmp.test.heartbeat.here")
		var seal string
		m.Data, seal = s.say()
		m.Header.Set(sealHeader, seal)
		c.hear(m)
	}
	hear("another seed, of 24 bytes", 6)
	require.Zero(t, c.peers.twin)
	require.Equal(t, uint64(1), c.peers.forged)
	hear(goodSeed, 5)
	require.Zero(t, c.peers.twin, "it is this one")
	hear(goodSeed, 6)
	require.NotZero(t, c.peers.twin)
}

// Permissions may change while a gateway is connected.
func TestDeniedForAWhile(t *testing.T) {
	now := time.Unix(1000, 0)
	c := &Conn{denied: map[string]time.Time{"ecmp.test.ask.g2.here": now}}
	require.True(t, c.isDenied("ecmp.test.ask.g2.here", now.Add(deniedFor-1)))
	require.False(t, c.isDenied("ecmp.test.ask.g2.here", now.Add(deniedFor)))
	require.False(t, c.isDenied("ecmp.test.ask.g3.here", now))
}
