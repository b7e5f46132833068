package xdp

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/symmetric"
)

// slowWorker returns an engine like that of the slow path.
func (r *fixture) slowWorker() *engine.Worker {
	routes := new(engine.Routes)
	for _, s := range r.list {
		for _, p := range s.Prefixes {
			routes.Insert(p, s.Group)
		}
	}
	fragments, err := flowcache.NewFragments(flowcache.FragmentsConfig{})
	require.NoError(r.t, err)
	return engine.NewWorker(engine.Config{
		Routes:    routes,
		Policy:    hash.Policy{Hasher: symmetric.Hasher{Base: hash.XX{Seed: testSeed}}},
		Router:    r.flows,
		Fragments: fragments,
	})
}

func decide(w *engine.Worker, frame []byte) engine.Decision {
	var d [1]engine.Decision
	w.Burst(d[:], [][]byte{frame}, 0)
	return d[0]
}

// withOptions makes an IPv4 frame one that the program passes: no-operations as
// options, which leave the checksum to whoever cares.
func withOptions(frame []byte) []byte {
	f := append(append(append([]byte(nil), frame[:ipv4End]...), 1, 1, 1, 1), frame[ipv4End:]...)
	f[ipAt]++
	binary.BigEndian.PutUint16(f[ipv4SizeAt:], binary.BigEndian.Uint16(f[ipv4SizeAt:])+4)
	return f
}

// tooBig returns the ICMP error that a reply to the flow, in IPv4, was too big.
func (c conversation) tooBig() []byte {
	cited := conversation{c.dst, c.src, c.proto}.frame(0, 9, 0)[ipAt:]
	return conversation{c.src, c.dst, 1}.packet(append([]byte{3, 4, 0, 0, 0, 0, 5, 220}, cited...), 64)
}

// The packets of a flow that take the slow path, and ICMP errors about it, go
// where those go that take the fast one, and the other way round; errors leave
// no pin.
func TestSlowPathFollowsPins(t *testing.T) {
	r := newFixture(t, 4096, selector.Bounded{})
	flows, at := established(r)
	r.update(0, hopsFor(1, 2, 3, 4, 5, 6)...)
	w := r.slowWorker()
	for i, c := range flows {
		if c.dst.Addr().Is6() {
			continue
		}
		frame := withOptions(c.frame(hash.ACK, 64, 8))
		action, _ := r.run(frame)
		require.EqualValues(t, xdpPass, action)
		d := decide(w, frame)
		require.Equal(t, flowcache.Pinned, d.Verdict)
		require.Equal(t, at[i], d.Hop.Output)

		icmp := c.tooBig()
		action, _ = r.run(icmp)
		require.EqualValues(t, xdpPass, action)
		d = decide(w, icmp)
		require.Equal(t, flowcache.Pinned, d.Verdict)
		require.Equal(t, at[i], d.Hop.Output)

		// One that the slow path places, and promotes.
		c.src = conversations(1, 1)[0].src
		c.proto = hash.TCP
		if c.src.Addr().Is6() {
			c.src = flows[i].dst
		}
		first := decide(w, withOptions(c.frame(hash.SYN, 64, 0)))
		require.NotNil(t, first.Hop)
		decide(w, withOptions(c.frame(hash.ACK, 64, 0)))
		require.Equal(t, first.Hop.Output, r.member(c.frame(hash.ACK, 64, 0)))
	}
	before := r.Flows().Stats()
	for _, c := range conversations(50, 1) {
		if c.dst.Addr().Is4() {
			d := decide(w, c.tooBig())
			require.NotNil(t, d.Hop)
		}
	}
	assert.Equal(t, before, r.Flows().Stats())
}

// The slow path and the program share the life of a flow: what one of them
// pins, promotes, moves or ends, the other finds so.
func TestSlowPathSharesStates(t *testing.T) {
	r := newFixture(t, 100, selector.Bounded{})
	r.update(0, hopsFor(1, 2)...)
	w := r.slowWorker()
	c := conversations(20, 1)[0]
	for _, c = range conversations(20, 1) {
		if c.dst.Addr().Is4() {
			break
		}
	}
	c.proto = hash.TCP
	slow := func(flags hash.TCPFlags) engine.Decision { return decide(w, withOptions(c.frame(flags, 64, 0))) }
	state := func() modelPin {
		var h hash.Headers
		require.NoError(t, hash.Parse(c.frame(0, 64, 0), &h))
		w, _ := r.stored(symmetric.Hasher{Base: hash.XX{Seed: testSeed}}.Hash(
			h.Outer) ^ r.groups[0].Load().View().Salt())
		return w
	}
	at := r.member(c.frame(hash.SYN, 64, 0))
	require.Equal(t, flowcache.Pinned, slow(hash.SYN).Verdict)
	assert.Equal(t, flowcache.Probation, state().state())
	slow(hash.ACK)
	assert.Equal(t, flowcache.EstablishedTCP, state().state())
	assert.True(t, state().established)
	r.update(0, hopOf(3-at, 1))
	d := slow(hash.ACK)
	assert.Equal(t, flowcache.Moved, d.Verdict)
	assert.Equal(t, 3-at, r.member(c.frame(hash.ACK, 64, 0)))
	slow(hash.FIN | hash.ACK)
	assert.Equal(t, flowcache.Closing, state().state())
	r.advance(70 * time.Second)
	assert.Equal(t, flowcache.Placed, slow(hash.ACK).Verdict)
	r.setDown(3-at, true)
	assert.Nil(t, slow(hash.ACK).Hop, "nobody else is there")
	assert.EqualValues(t, 2, r.Flows().Stats().Placed)
	assert.EqualValues(t, 1, r.Flows().Stats().Moved)
}
