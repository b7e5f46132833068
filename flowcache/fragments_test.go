package flowcache_test

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

// A bigDatagram is a UDP datagram that comes in fragments.
type bigDatagram struct {
	v6       bool
	src, dst uint16
	id       uint32
}

// fragmentSize is what a fragment carries, but for the last.
const fragmentSize = 64

// key returns the key of the flow's whole packets.
func (d bigDatagram) key() hash.FlowKey { return d.keyOf(d.src, d.dst) }

func (d bigDatagram) keyOf(src, dst uint16) hash.FlowKey {
	from, to := netip.AddrFrom4([4]byte{198, 51, 100, 7}), netip.AddrFrom4([4]byte{172, 16, 0, 20})
	if d.v6 {
		from, to = netip.MustParseAddr("2001:db8:c::7"), netip.MustParseAddr("2001:db8:ac10::14")
	}
	return hash.NewFlowKey(hash.UDP, netip.AddrPortFrom(from, src), netip.AddrPortFrom(to, dst))
}

// fragment returns the frame of the fragment at an offset with this payload.
func (d bigDatagram) fragment(at int, more bool, payload []byte) []byte {
	k := d.key()
	src, dst := k.Src().Addr().AsSlice(), k.Dst().Addr().AsSlice()
	b := make([]byte, 12, 128)
	if d.v6 {
		b = append(b, 0x86, 0xdd, 0x60, 0, 0, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(8+len(payload)))
		b = append(append(append(b, 44, 64), src...), dst...)
		b = append(b, hash.UDP, 0)
		b = binary.BigEndian.AppendUint16(b, uint16(at)|map[bool]uint16{true: 1}[more])
		b = binary.BigEndian.AppendUint32(b, d.id)
		return append(b, payload...)
	}
	b = append(b, 0x08, 0x00, 0x45, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(20+len(payload)))
	b = binary.BigEndian.AppendUint16(b, uint16(d.id))
	b = binary.BigEndian.AppendUint16(b, uint16(at/8)|map[bool]uint16{true: 0x2000}[more])
	b = append(b, 64, hash.UDP, 0, 0)
	return append(append(append(b, src...), dst...), payload...)
}

// piece returns the n-th of so many fragments. Its payload says which it is.
func (d bigDatagram) piece(n, of int) []byte {
	payload := make([]byte, fragmentSize)
	for i := range payload {
		payload[i] = byte(n)
	}
	if n == 0 {
		binary.BigEndian.PutUint16(payload, d.src)
		binary.BigEndian.PutUint16(payload[2:], d.dst)
	}
	return d.fragment(n*fragmentSize, n < of-1, payload)
}

func newFragments(t testing.TB, c flowcache.FragmentsConfig) *flowcache.Fragments {
	t.Helper()
	f, err := flowcache.NewFragments(c)
	require.NoError(t, err)
	return f
}

// completed parses a frame and returns its key, and whether that is complete.
func completed(t testing.TB, f *flowcache.Fragments, frame []byte, now time.Duration) (hash.Headers, bool) {
	t.Helper()
	var h hash.Headers
	require.NoError(t, hash.Parse(frame, &h))
	ok := f.Complete(&h, frame, now)
	return h, ok
}

// All fragments behind the first one have the key of their flow's whole
// packets; so has the first, which is like a whole packet.
func TestFragmentsGetTheirPorts(t *testing.T) {
	f := newFragments(t, flowcache.FragmentsConfig{})
	for i := range uint16(1000) {
		d := bigDatagram{v6: i%2 == 1, src: 1000 + i, dst: 443, id: uint32(i / 2)}
		for n := range 3 {
			h, ok := completed(t, f, d.piece(n, 3), 0)
			require.True(t, ok)
			require.Equal(t, d.key(), h.Outer)
			require.Equal(t, d.key(), h.Inner)
			require.False(t, h.FragFirst)
			require.Equal(t, n > 0, h.FragLater)
		}
	}
}

// The flow label is no part of a datagram's name, and stays in the key.
func TestFragmentsKeepTheirLabels(t *testing.T) {
	f := newFragments(t, flowcache.FragmentsConfig{})
	d := bigDatagram{v6: true, src: 1, dst: 2, id: 1 << 31}
	for n := range 3 {
		frame := d.piece(n, 3)
		frame[14+3] = byte(n)
		h, ok := completed(t, f, frame, 0)
		require.True(t, ok)
		require.Equal(t, d.key().WithLabel(uint32(n)), h.Outer)
	}
}

// What is no fragment, and fragments without ports, are complete as they are.
func TestCompleteLeavesOthersAlone(t *testing.T) {
	f := newFragments(t, flowcache.FragmentsConfig{})
	for _, v6 := range []bool{false, true} {
		d := bigDatagram{v6: v6, src: 7, dst: 8, id: 9}
		whole := d.piece(0, 1)
		h, ok := completed(t, f, whole, 0)
		assert.True(t, ok)
		var plain hash.Headers
		require.NoError(t, hash.Parse(whole, &plain))
		assert.Equal(t, plain, h)

		for n := range 3 {
			frame := d.piece(n, 3)
			frame[map[bool]int{false: 14 + 9, true: 14 + 40}[v6]] = hash.GRE
			h, ok := completed(t, f, frame, 0)
			assert.True(t, ok)
			assert.Zero(t, h.Outer.Src().Port())
			assert.False(t, h.FragFirst)
			assert.Equal(t, n > 0, h.FragLater)
		}
	}
}

// Hostile fragments, and what becomes of the fragments after them.
func TestHostileFragments(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		d := bigDatagram{v6: v6, src: 1000, dst: 443, id: 5}
		other := d
		other.src = 2000
		without := d.keyOf(0, 0)

		// A first fragment that ends before its ports makes no pin, and its
		// datagram goes by the addresses without delay.
		f := newFragments(t, flowcache.FragmentsConfig{})
		for size := range 4 {
			tiny := d.fragment(0, true, make([]byte, size))
			h, ok := completed(t, f, tiny, 0)
			assert.False(t, ok)
			assert.Equal(t, without, h.Outer)
			assert.True(t, h.FragFirst)
			assert.False(t, flowcache.NewStrays(f).Hold(&h, tiny, 0, 0))
			h, ok = completed(t, f, d.piece(1, 3), 0)
			assert.True(t, ok)
			assert.Equal(t, without, h.Outer)
			assert.True(t, h.FragLater)
		}

		// A second first fragment counts from then on: the ID may have been
		// used again.
		for _, first := range []bigDatagram{d, other, d} {
			h, ok := completed(t, f, first.piece(0, 3), 0)
			require.True(t, ok)
			require.Equal(t, first.key(), h.Outer)
			for n := 1; n < 3; n++ {
				h, ok = completed(t, f, d.piece(n, 3), time.Second)
				require.True(t, ok)
				require.Equal(t, first.key(), h.Outer)
			}
		}

		// Fragments that overlap others, or lie within them, or reach beyond
		// the greatest datagram, have ports from the first one alone.
		for _, at := range []int{8, 16, 56, 65528} {
			payload := []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff")
			h, ok := completed(t, f, d.fragment(at, at == 56, payload), 0)
			require.True(t, ok)
			require.Equal(t, d.key(), h.Outer)
		}
		h, ok := completed(t, f, d.piece(1, 3), 0)
		require.True(t, ok)
		require.Equal(t, d.key(), h.Outer)

		// The same ID of other addresses or another protocol is another
		// datagram.
		for _, at := range map[bool][]int{false: {9, 15, 19}, true: {40, 23, 39}}[v6] {
			frame := d.piece(1, 3)
			if frame[14+at] ^= 4; at == 9 || at == 40 {
				frame[14+at] = hash.UDPLite
			}
			_, ok := completed(t, f, frame, 0)
			require.False(t, ok)
		}
	}
}

// A later fragment in IPv6 that names another protocol than the first one is no
// fragment of that datagram (RFC 8200 section 4.5 lets it differ): it is a
// stray.
func TestFragmentOfAnotherProtocol(t *testing.T) {
	f := newFragments(t, flowcache.FragmentsConfig{})
	d := bigDatagram{v6: true, src: 1, dst: 2, id: 3}
	completed(t, f, d.piece(0, 3), 0)
	frame := d.piece(1, 3)
	frame[14+40] = hash.TCP
	h, ok := completed(t, f, frame, 0)
	assert.False(t, ok)
	assert.Zero(t, h.Outer.Src().Port())
}

// An empty memory knows no datagram, not even one whose tag would be 0, as that
// of a word without a datagram is.
func TestDatagramWithoutTag(t *testing.T) {
	f := newFragments(t, flowcache.FragmentsConfig{})
	d := bigDatagram{v6: true, src: 1, dst: 2, id: 21_499_741}
	_, ok := completed(t, f, d.piece(1, 3), 0)
	assert.False(t, ok)
	completed(t, f, d.piece(0, 3), 0)
	h, ok := completed(t, f, d.piece(1, 3), 0)
	assert.True(t, ok)
	assert.Equal(t, d.key(), h.Outer)
}

// Ports are remembered for 28 to 29 seconds and three quarters, to the tick.
func TestPortsExpire(t *testing.T) {
	for at := time.Duration(0); at < 400*time.Second; at += 7 * time.Second {
		f := newFragments(t, flowcache.FragmentsConfig{})
		d := bigDatagram{src: 1, dst: 2, id: 3}
		completed(t, f, d.piece(0, 3), at)
		_, ok := completed(t, f, d.piece(1, 3), at+28*time.Second)
		assert.True(t, ok)
		_, ok = completed(t, f, d.piece(1, 3), at+30100*time.Millisecond)
		assert.False(t, ok)
		_, ok = completed(t, f, d.piece(1, 3), at+250*time.Second)
		assert.False(t, ok)
	}
}

// A worker whose clock is behind that of another meets what that remembered.
func TestFragmentsOfSkewedClocks(t *testing.T) {
	for at := 20 * time.Second; at < 400*time.Second; at += time.Second {
		f := newFragments(t, flowcache.FragmentsConfig{})
		d := bigDatagram{src: 1, dst: 2, id: 3}
		completed(t, f, d.piece(0, 3), at)
		for _, behind := range []time.Duration{1, time.Second, 15 * time.Second} {
			_, ok := completed(t, f, d.piece(1, 3), at-behind)
			require.True(t, ok, "%v behind %v", behind, at)
		}
	}
}

// A flood of first fragments pushes out the oldest datagrams and nothing grows.
func TestFloodOfFirstFragments(t *testing.T) {
	racecheck.OneGoroutine(t)
	const datagrams, flood = 1 << 10, 200_000
	f := newFragments(t, flowcache.FragmentsConfig{Datagrams: datagrams})
	first, later := bigDatagram{v6: true, dst: 53}.piece(0, 3), bigDatagram{v6: true}.piece(1, 3)
	const idAt = 14 + 40 + 4
	at := func(i int) time.Duration { return time.Duration(i) * 10 * time.Microsecond }
	remembered := 0
	allocs := testing.AllocsPerRun(1, func() {
		var h hash.Headers
		remembered = 0
		for i := range flood {
			binary.BigEndian.PutUint32(first[idAt:], uint32(i))
			if hash.Parse(first, &h) != nil || !f.Complete(&h, first, at(i)) {
				panic("a first fragment is complete")
			}
			binary.BigEndian.PutUint32(later[idAt:], uint32(max(0, i-datagrams/4)))
			if hash.Parse(later, &h) != nil {
				panic("damaged")
			}
			if f.Complete(&h, later, at(i)) {
				remembered++
			}
		}
	})
	assert.Zero(t, allocs)
	assert.Greater(t, remembered, flood*99/100, "a datagram lasts for a quarter of Datagrams others")

	var h hash.Headers
	left := 0
	for i := range flood {
		binary.BigEndian.PutUint32(later[idAt:], uint32(i))
		require.NoError(t, hash.Parse(later, &h))
		if f.Complete(&h, later, at(flood)) {
			left++
		}
	}
	assert.LessOrEqual(t, left, datagrams+2, "2: false matches")
	assert.Greater(t, left, datagrams*99/100)
}

func TestFragmentsConfig(t *testing.T) {
	f := newFragments(t, flowcache.FragmentsConfig{})
	assert.Equal(t, flowcache.FragmentsConfig{
		Datagrams: 16384, Hold: 50 * time.Millisecond, Strays: 256, Memory: 1 << 20,
	}, f.Config())
	for field, c := range map[string]flowcache.FragmentsConfig{
		"Datagrams": {Datagrams: 1<<24 + 1},
		"Strays":    {Strays: -1},
		"Memory":    {Memory: 1<<16 - 1},
		"Hold":      {Hold: 31 * time.Second},
	} {
		_, err := flowcache.NewFragments(c)
		var e *flowcache.ConfigError
		require.ErrorAs(t, err, &e)
		assert.Equal(t, "FragmentsConfig."+field, e.Field)
		assert.Contains(t, e.Error(), "flowcache: FragmentsConfig."+field+" is ")
	}
	_, err := flowcache.NewFragments(flowcache.FragmentsConfig{Hold: -1})
	assert.Error(t, err)
}
