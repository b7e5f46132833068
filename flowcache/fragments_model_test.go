package flowcache_test

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/fragments"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

// fragmentTrial compares workers with the model, step by step.
type fragmentTrial struct {
	t       testing.TB
	memory  *fragments.Memory
	model   []*fragments.Worker
	workers []*fragmentWorker
	now     time.Duration
	frames  map[uint64][]byte // held, by the number that they were given

	held, released, strays, found int
}

const trialStrays = 16 // datagrams that wait at each worker

func newFragmentTrial(t testing.TB, workers int) *fragmentTrial {
	const hold = 40 * ms
	f := newFragments(t, flowcache.FragmentsConfig{Hold: hold, Strays: trialStrays, Memory: 1 << 16})
	tr := &fragmentTrial{t: t, memory: fragments.NewMemory(), frames: map[uint64][]byte{}}
	for range workers {
		w := newFragmentWorker(t, f)
		tr.workers = append(tr.workers, w)
		tr.model = append(tr.model, fragments.NewWorker(tr.memory, hold, trialStrays, 4*trialStrays))
	}
	return tr
}

// key returns the key that a fragment must have, and whether it is complete.
func (tr *fragmentTrial) key(d bigDatagram) (hash.FlowKey, bool) {
	p, ok := tr.memory.Ports(d.name(), tr.now)
	return d.keyOf(p[0], p[1]), ok
}

func (d bigDatagram) name() fragments.Datagram {
	return fragments.Datagram{Flow: d.keyOf(0, 0), ID: d.id}
}

// receive gives worker i a fragment of d that starts at a byte, and looks what
// becomes of it.
func (tr *fragmentTrial) receive(i int, d bigDatagram, at int, payload []byte) {
	frame, w := d.fragment(at, true, payload), tr.workers[i]
	switch {
	case at == 0 && len(payload) < 4:
		tr.memory.First(d.name(), fragments.Ports{}, tr.now)
	case at == 0:
		payload[0], payload[1], payload[2], payload[3] = byte(d.src>>8), byte(d.src), byte(d.dst>>8), byte(d.dst)
		frame = d.fragment(at, true, payload)
		tr.memory.First(d.name(), fragments.Ports{d.src, d.dst}, tr.now)
	}
	want, known := tr.key(d)
	h, ok := completed(tr.t, w.fragments, frame, tr.now)
	require.Equal(tr.t, want, h.Outer)
	require.Equal(tr.t, known && (at > 0 || len(payload) >= 4), ok)
	if ok {
		tr.found++
		return
	}
	ref := uint64(len(tr.frames))
	held := w.strays.Hold(&h, frame, ref, tr.now)
	require.Equal(tr.t, at > 0 && tr.model[i].Hold(d.name(), ref, tr.now), held)
	if !held {
		tr.strays++
		return
	}
	tr.held++
	tr.frames[ref] = frame
}

// wait lets time pass, as long as no time is ambiguous: for four minutes.
func (tr *fragmentTrial) wait(d time.Duration) {
	if tr.now+d < 4*time.Minute {
		tr.now += d
	}
}

// release compares what worker i gives back, a few at a time.
func (tr *fragmentTrial) release(i, atOnce int) {
	out := make([]flowcache.Stray, atOnce)
	var got []uint64
	for n := atOnce; n == atOnce; {
		n = tr.workers[i].strays.Release(out, tr.now)
		for _, s := range out[:n] {
			require.Equal(tr.t, tr.frames[s.Ref], s.Frame)
			got = append(got, s.Ref)
		}
	}
	tr.released += len(got)
	require.Equal(tr.t, tr.model[i].Release(tr.now), got)
	require.Equal(tr.t, tr.model[i].Len(), tr.workers[i].strays.Len())
}

// Workers and the model agree for datagrams of which fragments are lost, come
// twice, late, or in any order, at any worker, and with IDs used again.
func TestModelOfFragments(t *testing.T) {
	racecheck.OneGoroutine(t)
	rnd := rand.New(rand.NewPCG(1, 2))
	total := steps(t, 100_000)
	for done := 0; done < total; {
		tr := newFragmentTrial(t, 1+rnd.IntN(3))
		patience := time.Duration(1+rnd.IntN(40)) * ms / 10
		ids := uint32(1 + rnd.IntN(60))
		for range 5000 {
			done++
			d := bigDatagram{
				v6: rnd.IntN(2) == 0, src: uint16(rnd.IntN(3)), dst: uint16(rnd.IntN(3)), id: rnd.Uint32N(ids),
			}
			payload := make([]byte, 4+rnd.IntN(100))
			at := 8 * rnd.IntN(5)
			switch {
			case at == 0 && rnd.IntN(8) == 0:
				payload = payload[:rnd.IntN(4)]
			case at == 0 && rnd.IntN(2) == 0:
				at = 8
			}
			i := rnd.IntN(len(tr.workers))
			tr.receive(i, d, at, payload)
			if rnd.IntN(4) == 0 {
				tr.release(rnd.IntN(len(tr.workers)), 1+rnd.IntN(20))
			}
			switch rnd.IntN(1000) {
			case 0:
				tr.wait(time.Duration(rnd.IntN(40)) * time.Second)
			case 1, 2, 3, 4, 5:
				tr.wait(50 * ms)
			default:
				tr.wait(time.Duration(rnd.Int64N(int64(patience))))
			}
		}
		tr.now += time.Second
		for i := range tr.workers {
			tr.release(i, 7)
		}
		require.Equal(t, tr.held, tr.released)
		if ids > 40 {
			require.NotZero(t, tr.found)
			require.NotZero(t, tr.held)
		}
	}
}

// FuzzFragments reads three bytes a step.
func FuzzFragments(f *testing.F) {
	f.Add([]byte("\x08\x00\x01\x00\x00\x02\x0a\x40\x01\x80\xff\x00"))
	f.Fuzz(func(t *testing.T, script []byte) {
		tr := newFragmentTrial(t, 2)
		for ; len(script) >= 3; script = script[3:] {
			a, b, c := script[0], script[1], script[2]
			d := bigDatagram{v6: a&1 == 1, src: uint16(a >> 1 & 1), dst: 9, id: uint32(a >> 2)}
			i := int(b & 1)
			switch b >> 1 & 7 {
			case 0:
				tr.release(i, 1+int(c))
			case 1:
				tr.wait(time.Duration(c) * ms)
			case 2:
				tr.wait(time.Duration(c) * time.Second)
				tr.release(0, 1+int(a))
				tr.release(1, 1+int(a))
			default:
				tr.receive(i, d, int(b>>4)%3*8, make([]byte, c))
			}
		}
	})
}

// FuzzFragmentFrames takes two frames as they come, whole or not.
func FuzzFragmentFrames(f *testing.F) {
	for _, v6 := range []bool{false, true} {
		d := bigDatagram{v6: v6, src: 1, dst: 2, id: 3}
		f.Add(d.piece(0, 3), d.piece(1, 3))
		f.Add(d.fragment(0, true, nil), d.piece(0, 1))
	}
	f.Fuzz(func(t *testing.T, one, other []byte) {
		m := newFragments(t, flowcache.FragmentsConfig{Datagrams: 8, Memory: 1 << 16})
		strays := flowcache.NewStrays(m)
		held := 0
		var h hash.Headers
		for _, frame := range [][]byte{one, other, one, other} {
			if hash.Parse(frame, &h) != nil {
				continue
			}
			if !m.Complete(&h, frame, 0) && strays.Hold(&h, frame, 0, 0) {
				held++
			}
		}
		out := make([]flowcache.Stray, 5)
		require.Equal(t, held, strays.Release(out, time.Second))
		require.Zero(t, strays.Len())
	})
}

// Workers that run at a time split no datagram either, wherever its fragments
// come in whichever order. Run it with -race.
func TestFragmentsOfConcurrentWorkers(t *testing.T) {
	const workers, datagrams = 4, 2000
	f := newFragments(t, flowcache.FragmentsConfig{Strays: 1 << 12, Memory: 1 << 24, Hold: 30 * time.Second})
	var right, wrong atomic.Int64
	inboxes := make([][][]byte, workers)
	rnd := rand.New(rand.NewPCG(3, 4))
	for id := range datagrams {
		for n := range 3 {
			i := rnd.IntN(workers)
			d := bigDatagram{v6: id%2 == 0, src: uint16(id), dst: 443, id: uint32(id)}
			inboxes[i] = append(inboxes[i], d.piece(n, 3))
		}
	}
	var running sync.WaitGroup
	for i, inbox := range inboxes {
		rnd.Shuffle(len(inbox), func(i, j int) { inbox[i], inbox[j] = inbox[j], inbox[i] })
		w := newFragmentWorker(t, f)
		w.went = func(frame []byte, key hash.FlowKey) {
			id := uint16(frame[14+4])<<8 | uint16(frame[14+5])
			if key.Is6() {
				id = uint16(frame[14+46])<<8 | uint16(frame[14+47])
			}
			if key.Src().Port() == id && key.Dst().Port() == 443 {
				right.Add(1)
			} else {
				wrong.Add(1)
			}
		}
		running.Go(func() {
			now := time.Duration(i) // workers' clocks are not the same
			for n, frame := range inbox {
				w.receive(frame, now)
				if n%16 == 0 {
					w.release(now)
				}
			}
			for w.strays.Len() > 0 { // until the others have got the first ones
				w.release(now)
			}
		})
	}
	running.Wait()
	require.Zero(t, wrong.Load())
	require.EqualValues(t, 3*datagrams, right.Load())
}
