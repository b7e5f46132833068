package xdp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/symmetric"
)

// Tables of the default size, of a power of two, of a few slots, and one that
// depends on its history.
func tabled() []selector.Strategy {
	return []selector.Strategy{selector.Bounded{}, selector.Maglev{}, selector.Maglev{Size: 7},
		selector.Resilient{Buckets: 1000}}
}

// compare has the program and the engine forward a frame, and returns what the
// program did. Whatever it does not pass, the engine must do alike, byte for
// byte.
func (r *fixture) compare(frame []byte) uint32 {
	r.t.Helper()
	action, out := r.run(frame)
	var d [1]engine.Decision
	want, drops := append([]byte(nil), frame...), dropsOf(r.engine)
	r.engine.Burst(d[:], [][]byte{want}, time.Duration(r.time))
	switch action {
	case xdpPass:
		require.Equal(r.t, frame, out)
	case xdpRedirect:
		require.NotNil(r.t, d[0].Hop, "%x: the engine: %v", frame, d[0].Drop)
		require.Equal(r.t, want, out, "%x", frame)
	case xdpDrop:
		require.Contains(r.t, []engine.Drop{engine.Expired, engine.NoMember}, d[0].Drop, "%x", frame)
		for g, now := range dropsOf(r.engine) {
			for reason, n := range now.Since(drops[g]) {
				plane.AddDrops(r.drops, g, reason, n)
			}
		}
	default:
		require.Failf(r.t, "result of the program", "%d: %x", action, frame)
	}
	return action
}

// Every frame that is whole and plain goes to the member that the library says,
// and is the one that the engine sends.
func TestAgreesWithEngine(t *testing.T) {
	r := newFixture(t, 0, tabled()...)
	for i := range r.groups {
		r.update(i, hopOf(1, 1), hopOf(2, 3), hopOf(3, 2), hopOf(4, 1), hopOf(5, 0))
	}
	hasher := symmetric.Hasher{Base: hash.XX{Seed: testSeed}}
	for _, down := range [][]uint16{nil, {2}, {2, 3, 4}} {
		for _, n := range down {
			r.setDown(n, true)
		}
		taken := make(map[uint16]int)
		for _, c := range conversations(3000, len(r.groups)) {
			frame := c.frame(hash.ACK, 64, len(taken))
			require.EqualValues(t, xdpRedirect, r.compare(frame), "%x", frame)

			var h hash.Headers
			require.NoError(t, hash.Parse(frame, &h))
			group := r.groups[c.group()].Load()
			got := r.member(frame)
			require.Equal(t, group.At(group.Select(hasher.Hash(h.Outer))).Output, got)
			taken[got]++
		}
		assert.Len(t, taken, 4-len(down), "%v", taken)
	}
}

// Between two addresses of a service, both directions meet the same member,
// whichever address or port is the smaller.
func TestSymmetric(t *testing.T) {
	r := newFixture(t, 0, selector.Bounded{})
	r.update(0, hopsFor(1, 2, 3, 4, 5)...)
	rng := rand.New(rand.NewPCG(1, 1))
	for range 2000 {
		c := someConversation(rng, 1)
		o := someConversation(rng, 1)
		if c.dst.Addr().Is6() != o.dst.Addr().Is6() {
			continue
		}
		c.src = o.dst
		if rng.IntN(4) == 0 { // told apart by the ports alone
			c.src = netip.AddrPortFrom(c.dst.Addr(), o.dst.Port())
		}
		reverse := conversation{c.dst, c.src, c.proto}
		require.Equal(t, r.member(c.frame(0, 9, 0)), r.member(reverse.frame(0, 9, 0)), "%v", c)
		r.compare(c.frame(0, 9, 0))
	}
}

// What ends early or says so, has options, is tagged, a fragment, or damaged in
// any byte, is passed unless the engine does the same with it.
func TestOddFrames(t *testing.T) {
	r := newFixture(t, 0, tabled()...)
	for i := range r.groups {
		r.update(i, hopsFor(1, 2, 3)...)
	}
	rng := rand.New(rand.NewPCG(2, 2))
	var actions [5]int
	for _, c := range conversations(60, 5) { // the fifth is nobody's
		for _, proto := range []uint8{hash.TCP, hash.UDP, hash.GRE, protoIPv4, protoIPv6, 1, 58, 132, 0, 44} {
			c.proto = proto
			frame := c.frame(hash.SYN, uint8(rng.IntN(4)), 12)
			actions[r.compare(frame)]++
			for n := ipAt; n < len(frame); n++ {
				actions[r.compare(frame[:n])]++
			}
			for range 40 {
				odd := append([]byte(nil), frame...)
				for range 1 + rng.IntN(2) {
					odd[rng.IntN(len(odd))] = byte(rng.Uint32())
				}
				actions[r.compare(odd)]++
			}
			actions[r.compare(append(frame, make([]byte, 20)...))]++ // padding
		}
	}
	for _, action := range []int{xdpDrop, xdpPass, xdpRedirect} {
		assert.Greater(t, actions[action], 500, "result %d", action)
	}
	assert.Len(t, r.drops, len(r.groups))
	assert.Equal(t, r.drops, r.Counters().ServiceDrops, "each drop counts where the engine has it")
}

// The program itself forwards plain frames of each kind that it is for; only
// these count as its own.
func TestCounters(t *testing.T) {
	r := newFixture(t, 0, selector.Bounded{}, selector.Bounded{})
	r.update(0, hopsFor(7)...)
	var bytes uint64
	drops := make(map[*engine.Group]plane.Drops)
	for _, c := range conversations(50, 2) {
		for _, proto := range []uint8{hash.TCP, hash.UDP, hash.GRE, protoIPv4, protoIPv6} {
			c.proto = proto
			for _, lifetime := range []uint8{0, 1, 2, 255} {
				frame := c.frame(hash.ACK, lifetime, 30)
				action, _ := r.run(frame)
				bytes += uint64(len(frame))
				want := xdpRedirect
				switch {
				case lifetime < 2:
					want = xdpDrop
					plane.AddDrops(drops, r.groups[c.group()], engine.Expired.String(), 1)
				case c.group() == 1:
					want = xdpDrop
					plane.AddDrops(drops, r.groups[1], engine.NoMember.String(), 1)
				}
				require.EqualValues(t, want, action)
			}
		}
	}
	c := r.Counters()
	assert.EqualValues(t, 50*5*4, c.In.Frames)
	assert.Equal(t, bytes, c.In.Bytes)
	assert.EqualValues(t, 50*5*2, c.Dropped[engine.Expired.String()])
	assert.NotZero(t, c.Dropped[engine.NoMember.String()])
	assert.Equal(t, c.In.Frames, c.Members[7].Frames+c.Dropped[engine.Expired.String()]+
		c.Dropped[engine.NoMember.String()])
	assert.Zero(t, c.Members[8].Frames)
	assert.Equal(t, drops, c.ServiceDrops)
	assert.Empty(t, c.MemberDrops)
}

// At an interface with an address, frames for others are not the program's.
func TestForeignAddress(t *testing.T) {
	r := newFixture(t, 0, selector.Bounded{})
	r.update(0, hopsFor(1)...)
	spec, err := loadForward()
	require.NoError(t, err)
	spec.Maps["ecmp_prefixes"].MaxEntries = r.maps.prefixes.MaxEntries() // as newMaps made it
	frame := conversations(1, 1)[0].frame(hash.ACK, 64, 0)
	code := program{spec: spec, maps: r.maps, seed: testSeed, address: engine.MAC(frame[:6])}
	forward, closed, err := code.load()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, errors.Join(forward.Close(), closed.Close())) })
	verdict := func(p *ebpf.Program, frame []byte) uint32 {
		action, err := p.Run(&ebpf.RunOptions{Data: frame, DataOut: make([]byte, len(frame))})
		require.NoError(t, err)
		return action
	}
	require.EqualValues(t, xdpRedirect, verdict(forward, frame))
	require.EqualValues(t, xdpPass, verdict(closed, frame))
	for i := range 12 {
		foreign := append([]byte(nil), frame...)
		foreign[i] ^= 1
		want := xdpRedirect
		if i < 6 {
			want = xdpPass
		}
		require.EqualValues(t, want, verdict(forward, foreign), "byte %d", i)
	}
}

// What is too long for the member's interface is dropped and counted. The
// plane is told of an MTU that shrinks, and finds out about one that grows.
func TestOverMTU(t *testing.T) {
	r := newFixture(t, 0, selector.Bounded{})
	r.update(0, hopsFor(1, 2, 3)...)
	var drops uint64
	lost := make(map[uint16]plane.Drops)
	for _, mtu := range []int{1400, 1500, 1300} {
		require.NoError(t, r.ns.IP(fmt.Sprint("link set lo mtu ", mtu)))
		if mtu < 1500 {
			outputs := map[uint16]string{1: "lo", 2: "lo", 3: "lo"}
			require.NoError(t, r.ns.Do(func() error { return setOutputs(r, outputs) }))
		}
		for _, c := range conversations(20, 1) {
			c.proto = hash.UDP
			headers := len(c.frame(0, 64, 0)) - ipAt
			for _, more := range []int{-mtu / 2, 0, 1, mtu / 10} {
				frame := c.frame(0, 64, mtu-headers+more)
				want := xdpRedirect
				if more > 0 {
					want = xdpDrop
					drops++
				}
				var action uint32
				require.NoError(t, r.ns.Do(func() (err error) { // whose lo the kernel asks
					action, err = r.program().Run(&ebpf.RunOptions{Data: frame, DataOut: make([]byte, len(frame))})
					return err
				}))
				require.EqualValues(t, want, action, "%d bytes, MTU %d", len(frame)-ipAt, mtu)
				if want == xdpDrop {
					plane.AddDrops(lost, r.engineMember(frame), "over the MTU", 1)
				}
			}
		}
	}
	c := r.Counters()
	assert.Equal(t, drops, c.Dropped["over the MTU"])
	assert.Equal(t, 2*drops, c.In.Frames)
	assert.Len(t, lost, 3)
	assert.Equal(t, lost, c.MemberDrops)
	assert.Empty(t, c.ServiceDrops)
}
