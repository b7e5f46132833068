package flowcache_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

const ms = time.Millisecond

// A fragmentWorker treats fragments as a router's worker does.
type fragmentWorker struct {
	t         testing.TB
	fragments *flowcache.Fragments
	strays    *flowcache.Strays
	out       [8]flowcache.Stray

	held   uint64
	stray  int                                       // fragments that went by their addresses
	went   func(frame []byte, key hash.FlowKey)      // where a fragment went
	copies func(s flowcache.Stray, at time.Duration) // what was given back
}

func newFragmentWorker(t testing.TB, f *flowcache.Fragments) *fragmentWorker {
	return &fragmentWorker{
		t: t, fragments: f, strays: flowcache.NewStrays(f),
		went: func([]byte, hash.FlowKey) {}, copies: func(flowcache.Stray, time.Duration) {},
	}
}

func (w *fragmentWorker) receive(frame []byte, now time.Duration) (held bool) {
	h, ok := completed(w.t, w.fragments, frame, now)
	if !ok {
		if w.strays.Hold(&h, frame, w.held, now) {
			w.held++
			return true
		}
		w.stray++
	}
	w.went(frame, h.Outer)
	return false
}

func (w *fragmentWorker) release(now time.Duration) {
	for n := len(w.out); n == len(w.out); {
		n = w.strays.Release(w.out[:], now)
		for _, s := range w.out[:n] {
			h, ok := completed(w.t, w.fragments, s.Frame, now)
			if !ok {
				w.stray++
			}
			w.went(s.Frame, h.Outer)
			w.copies(s, now)
		}
	}
}

// Fragments of three in every order, at whichever of two workers, within the
// hold: of 1,000 datagrams none is split.
func TestFragmentsInEveryOrder(t *testing.T) {
	const datagrams, inFlight = 1000, 100
	for _, v6 := range []bool{false, true} {
		for _, order := range [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
			f := newFragments(t, flowcache.FragmentsConfig{})
			keys := make([]map[hash.FlowKey]int, datagrams)
			workers := []*fragmentWorker{newFragmentWorker(t, f), newFragmentWorker(t, f)}
			for _, w := range workers {
				w.went = func(frame []byte, key hash.FlowKey) { // the ID says which datagram
					id := binary.BigEndian.Uint16(frame[14+4:])
					if v6 {
						id = binary.BigEndian.Uint16(frame[14+40+6:])
					}
					if keys[id] == nil {
						keys[id] = map[hash.FlowKey]int{}
					}
					keys[id][key]++
				}
			}
			now := time.Duration(0)
			for from := 0; from < datagrams; from += inFlight {
				for k, n := range order {
					for id := from; id < from+inFlight; id++ {
						d := bigDatagram{v6, uint16(5000 + id), 443, uint32(id)}
						workers[(id+k*id/2)%2].receive(d.piece(n, 3), now)
						if id%32 == 31 {
							workers[0].release(now)
							workers[1].release(now)
						}
					}
					now += 20 * ms
				}
				workers[0].release(now)
				workers[1].release(now)
			}
			split := 0
			for id, k := range keys {
				if len(k) != 1 || k[bigDatagram{v6, uint16(5000 + id), 443, 0}.key()] != 3 {
					split++
				}
			}
			assert.Zero(t, split, "order %v", order)
			for _, w := range workers {
				assert.Zero(t, w.stray)
				assert.Zero(t, w.strays.Len())
			}
		}
	}
}

// A stray comes back as it was, after the hold and not before, and goes by its
// addresses.
func TestStraysWaitForTheHold(t *testing.T) {
	w := newFragmentWorker(t, newFragments(t, flowcache.FragmentsConfig{}))
	var back []flowcache.Stray
	w.copies = func(s flowcache.Stray, _ time.Duration) {
		s.Frame = bytes.Clone(s.Frame)
		back = append(back, s)
	}
	var keys []hash.FlowKey
	w.went = func(_ []byte, key hash.FlowKey) { keys = append(keys, key) }
	d := bigDatagram{src: 1, dst: 2, id: 3}
	_, ok := w.strays.Due()
	require.False(t, ok)
	frame := d.piece(2, 3)
	require.True(t, w.receive(frame, 7*ms))
	clear(frame) // the copy is another
	require.True(t, w.receive(d.piece(1, 3), 50*ms))
	at, ok := w.strays.Due()
	require.True(t, ok)
	require.Equal(t, 57*ms, at)
	w.release(57*ms - 1)
	require.Empty(t, back)
	require.Equal(t, 2, w.strays.Len())
	w.release(57 * ms)
	require.Equal(t, []flowcache.Stray{{d.piece(2, 3), 7 * ms, 0}, {d.piece(1, 3), 50 * ms, 1}}, back,
		"the datagram goes as a whole")
	without := d.keyOf(0, 0)
	require.Equal(t, []hash.FlowKey{without, without}, keys)
	require.Equal(t, 2, w.stray)
	require.Zero(t, w.strays.Len())
	_, ok = w.strays.Due()
	require.False(t, ok)
}

// The 257th datagram that waits makes the oldest one go, and no other; the same
// with the 769th fragment and with three quarters of the memory.
func TestStraysMakeRoom(t *testing.T) {
	for name, c := range map[string]struct {
		each, size, want int // fragments of a datagram, their size, and how many datagrams may wait
	}{
		"datagrams": {1, 64, 256},
		"fragments": {6, 64, 128},
		"memory":    {3, 8192 - 34, 32}, // three of 128 places in four
	} {
		f := newFragments(t, flowcache.FragmentsConfig{})
		w := newFragmentWorker(t, f)
		var gone []uint64
		w.copies = func(s flowcache.Stray, _ time.Duration) { gone = append(gone, s.Ref) }
		for i := range 1000 {
			d := bigDatagram{src: 1, dst: 2, id: uint32(i)}
			for range c.each {
				require.True(t, w.receive(d.fragment(8, true, make([]byte, c.size)), 0))
			}
			w.release(0)
			require.LessOrEqual(t, w.strays.Len(), c.want*c.each, name)
			if want := i + 1 - c.want; want > 0 {
				require.Len(t, gone, want*c.each, name)
			} else {
				require.Empty(t, gone, name)
			}
		}
		for i, ref := range gone {
			require.EqualValues(t, i, ref, name)
		}
	}
}

// If nobody asks for what is due, no more is held than there is room for; all
// of it comes back.
func TestStraysWithoutRelease(t *testing.T) {
	racecheck.OneGoroutine(t)
	for _, size := range []int{8, 1480, 60000} {
		w := newFragmentWorker(t, newFragments(t, flowcache.FragmentsConfig{}))
		for i := range 5000 {
			w.receive(bigDatagram{id: uint32(i % 2000)}.fragment(8, true, make([]byte, size)), 0)
		}
		held := w.strays.Len()
		assert.Equal(t, min(1024, 1<<20/(size+34)), held)
		assert.Equal(t, 5000-held, w.stray)
		w.release(time.Second)
		assert.Equal(t, 5000, w.stray)
		assert.Zero(t, w.strays.Len())
	}
}

// A fragment longer than the memory goes at once.
func TestStrayLongerThanTheMemory(t *testing.T) {
	w := newFragmentWorker(t, newFragments(t, flowcache.FragmentsConfig{Memory: 1 << 16}))
	d := bigDatagram{id: 1}
	whole := d.fragment(8, true, make([]byte, 65000))
	assert.True(t, w.receive(whole, 0))
	w.release(time.Second)
	assert.False(t, w.receive(append(whole, make([]byte, 1000)...), 0), "with padding")
	assert.True(t, w.receive(whole, 0))
}

// A flood of strays costs others their wait and nothing else: each stray comes
// back once, in its order, after at least 256 other datagrams or the hold, and
// nothing is allocated.
func TestFloodOfStrays(t *testing.T) {
	racecheck.OneGoroutine(t)
	const flood, burst = 200_000, 64
	f := newFragments(t, flowcache.FragmentsConfig{})
	strays := flowcache.NewStrays(f)
	frames := [2][]byte{
		bigDatagram{v6: true}.fragment(8, true, make([]byte, 1400)), bigDatagram{v6: true}.fragment(8, true, nil),
	}
	const idAt = 14 + 40 + 4
	var out [burst]flowcache.Stray
	sent, early, most := 0, 0, 0
	run := func(from, to int, step time.Duration) {
		var h hash.Headers
		for i := from; i < to; i++ {
			now := time.Duration(i) * step
			frame := frames[i&1]
			binary.BigEndian.PutUint32(frame[idAt:], uint32(i))
			if hash.Parse(frame, &h) != nil || f.Complete(&h, frame, now) || !strays.Hold(&h, frame, uint64(i), now) {
				panic("not held")
			}
			if i%burst != burst-1 {
				continue
			}
			for n := burst; n == burst; {
				n = strays.Release(out[:], now)
				for _, s := range out[:n] {
					if s.Ref != uint64(sent) || binary.BigEndian.Uint32(s.Frame[idAt:]) != uint32(sent) ||
						len(s.Frame) != len(frames[sent&1]) {
						panic("another stray")
					}
					if i-sent < 256 && now-s.Since < 50*ms {
						early++
					}
					sent++
				}
			}
			most = max(most, strays.Len())
		}
	}
	assert.Zero(t, testing.AllocsPerRun(1, func() {
		sent, early, most = 0, 0, 0
		run(0, flood, time.Microsecond)
		for strays.Len() > 0 {
			strays.Release(out[:], time.Hour)
		}
	}))
	assert.Zero(t, early)
	assert.Equal(t, 256, most)

	// When it ends, strays of others wait again as long as they should.
	d := bigDatagram{src: 1, dst: 2, id: 3}
	w := &fragmentWorker{t: t, fragments: f, strays: strays, went: func([]byte, hash.FlowKey) {},
		copies: func(flowcache.Stray, time.Duration) {}}
	require.True(t, w.receive(d.piece(1, 3), 2*time.Hour))
	w.release(2*time.Hour + 49*ms)
	require.Equal(t, 1, strays.Len())
	w.receive(d.piece(0, 3), 2*time.Hour+49*ms)
	w.release(2*time.Hour + 49*ms)
	require.Zero(t, strays.Len())
	require.Zero(t, w.stray)
}

// Fragments in every order cost no allocation.
func TestFragmentsAllocateNothing(t *testing.T) {
	f := newFragments(t, flowcache.FragmentsConfig{})
	strays := flowcache.NewStrays(f)
	var h hash.Headers
	var out [4]flowcache.Stray
	d := bigDatagram{v6: true, src: 1, dst: 2}
	pieces := [][]byte{d.piece(2, 3), d.piece(0, 3), d.piece(1, 3)}
	id, released := uint32(0), 0
	assert.Zero(t, testing.AllocsPerRun(1000, func() {
		id++
		for _, frame := range pieces {
			binary.BigEndian.PutUint32(frame[14+40+4:], id)
			_ = hash.Parse(frame, &h)
			if !f.Complete(&h, frame, 0) {
				strays.Hold(&h, frame, 0, 0)
			}
		}
		released += strays.Release(out[:], 0)
	}))
	assert.EqualValues(t, id, released)
}

// A first fragment that comes to another worker just before the stray is held
// is not missed, whether or not something else is held then.
func TestFirstFragmentJustBeforeTheHold(t *testing.T) {
	for _, others := range []bool{false, true} {
		w := newFragmentWorker(t, newFragments(t, flowcache.FragmentsConfig{}))
		if others {
			w.receive(bigDatagram{id: 99}.piece(1, 3), 0)
			w.release(0)
		}
		d := bigDatagram{src: 1, dst: 2, id: 3}
		frame := d.piece(1, 3)
		h, ok := completed(t, w.fragments, frame, 0)
		require.False(t, ok)
		_, ok = completed(t, w.fragments, d.piece(0, 3), 0)
		require.True(t, ok)
		require.True(t, w.strays.Hold(&h, frame, 7, 0))
		var out [2]flowcache.Stray
		require.Equal(t, 1, w.strays.Release(out[:], 0))
		require.EqualValues(t, 7, out[0].Ref)
	}
}

// Copies of all sizes stay whole until they come back, in whichever order.
func TestCopiesStayWhole(t *testing.T) {
	rnd := rand.New(rand.NewPCG(5, 6))
	f := newFragments(t, flowcache.FragmentsConfig{Memory: 1 << 16})
	strays := flowcache.NewStrays(f)
	frames := map[uint64][]byte{}
	var out [8]flowcache.Stray
	refused, largest := 0, 0
	for i := range 60_000 {
		d := bigDatagram{id: uint32(rnd.IntN(50))}
		frame := d.fragment(8, true, make([]byte, rnd.IntN(1<<(4+rnd.IntN(10)))))
		for at := 34; at < len(frame); at++ {
			frame[at] = byte(i)
		}
		now := time.Duration(i) * ms
		h, ok := completed(t, f, frame, now)
		switch {
		case ok:
		case strays.Hold(&h, frame, uint64(i), now):
			frames[uint64(i)] = frame
		default:
			refused++
		}
		if rnd.IntN(8) == 0 {
			completed(t, f, bigDatagram{id: uint32(rnd.IntN(1000))}.piece(0, 3), now)
		}
		if rnd.IntN(20) > 0 {
			continue
		}
		n := strays.Release(out[:1+rnd.IntN(8)], now)
		for _, s := range out[:n] {
			require.Equal(t, frames[s.Ref], s.Frame)
			delete(frames, s.Ref)
			largest = max(largest, len(s.Frame))
		}
		require.Len(t, frames, strays.Len())
	}
	assert.Greater(t, refused, 1000)
	assert.Greater(t, largest, 8000)
}

// No datagram is lost where those before it wait only because the caller takes
// strays one by one.
func TestStraysTakenOneByOne(t *testing.T) {
	f := newFragments(t, flowcache.FragmentsConfig{Strays: 1})
	w := newFragmentWorker(t, f)
	var out [1]flowcache.Stray
	var refs []uint64
	take := func() {
		if w.strays.Release(out[:], 0) == 1 {
			refs = append(refs, out[0].Ref)
		}
	}
	first, second := bigDatagram{id: 1}, bigDatagram{id: 2}
	w.receive(first.piece(1, 3), 0)
	w.receive(second.piece(1, 3), 0)
	w.receive(first.piece(2, 3), 0)
	take() // the oldest, of which one stays
	for id := uint32(2); id < 20; id++ {
		d := bigDatagram{id: id}
		if id > 2 {
			w.receive(d.piece(1, 3), 0)
		}
		w.receive(d.piece(0, 3), 0)
		take()
	}
	for w.strays.Len() > 0 {
		take()
	}
	assert.Len(t, refs, int(w.held))
	assert.Contains(t, refs, uint64(2))
}

// A copy that is as long as what is left of the ring fits there; one that is a
// byte longer goes to the beginning.
func TestCopiesAtTheEndOfTheRing(t *testing.T) {
	const rest = 500
	for size := rest - 1; size <= rest+1; size++ {
		w := newFragmentWorker(t, newFragments(t, flowcache.FragmentsConfig{Memory: 1 << 16}))
		sizes := []int{30_000, 1<<16 - rest - 30_000, size}
		for i, size := range sizes {
			d := bigDatagram{id: uint32(i)}
			require.True(t, w.receive(d.fragment(8, true, bytes.Repeat([]byte{byte(i)}, size-34)), 0))
			if i == 1 { // the first copy goes
				w.receive(bigDatagram{id: 0}.piece(0, 3), 0)
				w.release(0)
			}
		}
		w.copies = func(s flowcache.Stray, _ time.Duration) {
			payload := bytes.Repeat([]byte{byte(s.Ref)}, sizes[s.Ref]-34)
			require.Equal(t, bigDatagram{id: uint32(s.Ref)}.fragment(8, true, payload), s.Frame)
		}
		w.release(time.Second)
		require.Zero(t, w.strays.Len())
	}
}
