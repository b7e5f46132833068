package engine_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

const (
	pipelineBlock = 1 << 18 // frames
	pipelineTTL   = 255
	frameLine     = 64 // bytes that a frame takes
)

// A pipeline takes frames to their members. It returns how many were of flows
// that it knew.
type pipeline interface {
	forward(frames [][]byte) (known int)
	forget() // all flows
}

// BenchmarkPipeline takes frames to their members, TCP of 60 bytes over IPv4 to
// one address: in the engine, and in gopacket, otter and go-maglev wired the
// obvious way. Both sides take turns, block after block of 262,144 frames, and
// each frame is of another flow than the ones before it. Times are medians of
// the blocks, x is their ratio. The flows are known, in rows "miss" none is.
// Frames lie in memory in their order, as in a capture, or anywhere, as in the
// buffers of a network card. The engine hashes by Mix, its default, or by XX,
// as the planes of "forwarder run" do: an XDP program has no product of 128
// bits to mix by.
//
// The engine does more: it finds the group by longest prefix, rewrites, and
// counts. Left out are reading and sending, and the time it takes to refresh
// pins, since the clock stands still.
func BenchmarkPipeline(b *testing.B) {
	hashers := map[string]hash.Hasher{"mix": hash.NewMix(1), "xx": hash.XX{Seed: 1}}
	for _, flows := range []int{10_000, 1_000_000} {
		for _, places := range []string{"ordered", "random"} {
			for _, c := range []struct{ path, hash string }{{"hit", "mix"}, {"hit", "xx"}, {"miss", "mix"}} {
				b.Run(fmt.Sprintf("flows=%d/frames=%s/path=%s/hash=%s", flows, places, c.path, c.hash),
					func(b *testing.B) {
						frames := pipelineFrames(flows, places == "random")
						ours, theirs := newEnginePipeline(b, flows, hashers[c.hash]), newPeerPipeline(b, flows)
						for _, p := range []pipeline{ours, theirs} {
							fill(p, frames)
						}
						duel(b, ours, theirs, frames, c.path == "miss")
					})
			}
		}
	}
}

// duel gives both sides one block of frames for each iteration.
func duel(b *testing.B, ours, theirs pipeline, frames [][]byte, miss bool) {
	b.Helper()
	var times [2][]float64
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	allocs := uint64(0)
	block := 0
	for b.Loop() {
		list := blockOf(frames, block)
		for side, p := range []pipeline{ours, theirs} {
			restore(list)
			if miss {
				p.forget()
			}
			runtime.ReadMemStats(&before)
			began := time.Now()
			known, sent := 0, 0
			for ; sent < pipelineBlock && (sent == 0 || !miss); sent += len(list) {
				known += p.forward(list)
			}
			times[side] = append(times[side], float64(time.Since(began).Nanoseconds())/float64(sent))
			runtime.ReadMemStats(&after)
			if side == 0 {
				allocs += after.Mallocs - before.Mallocs
			}
			if want := map[bool]int{false: sent}[miss]; known != want {
				b.Fatalf("%d flows were known, not %d", known, want)
			}
		}
		block++
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(times[0]), "ecmp-ns/frame")
	b.ReportMetric(median(times[1]), "peers-ns/frame")
	b.ReportMetric(median(times[1])/median(times[0]), "x")
	// in whole numbers: the peers have goroutines
	b.ReportMetric(float64(allocs/uint64(b.N*pipelineBlock)), "ecmp-allocs/frame")
}

func median(list []float64) float64 { return slices.Sorted(slices.Values(list))[len(list)/2] }

// blockOf returns the frames of a block: as many as there are at most, another
// part of the list in each.
func blockOf(frames [][]byte, block int) [][]byte {
	n := min(pipelineBlock, len(frames))
	at := block * n % (len(frames) - n + 1)
	return frames[at : at+n]
}

// pipelineFrames returns a frame of each flow. They are one behind the other in
// memory, or in random places.
func pipelineFrames(flows int, random bool) [][]byte {
	template := []byte{
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 7, 8, 0,
		0x45, 0, 0, 46, 0, 0, 0x40, 0, pipelineTTL, 6, 0, 0, 10, 0, 0, 0, 172, 16, 0, 20,
		0, 0, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, 0x10, 0xff, 0xff, 0, 0, 0, 0,
		'd', 'a', 't', 'a', '!', '!',
	}
	memory := make([]byte, flows*frameLine)
	frames := make([][]byte, flows)
	places := rand.New(rand.NewPCG(1, 2)).Perm(flows)
	for i := range frames {
		at := i
		if random {
			at = places[i]
		}
		frames[i] = memory[at*frameLine:][:copy(memory[at*frameLine:], template)]
		binary.BigEndian.PutUint32(frames[i][26:], 10<<24|uint32(i>>4))
		binary.BigEndian.PutUint16(frames[i][34:], uint16(1024+i&15))
	}
	return frames
}

// restore gives frames their time to live back. Where there are many, they
// outlast the benchmark, and are best left out of the cache.
func restore(frames [][]byte) {
	if len(frames) < pipelineBlock {
		for _, f := range frames {
			f[22] = pipelineTTL
		}
	}
}

// fill makes all flows known, twice as the second packet promotes a flow, in
// another order than they come in later.
func fill(p pipeline, frames [][]byte) {
	frames = slices.Clone(frames)
	rand.New(rand.NewPCG(3, 4)).Shuffle(len(frames), func(i, j int) { frames[i], frames[j] = frames[j], frames[i] })
	for range 2 {
		p.forward(frames)
	}
}

type enginePipeline struct {
	table     *flowcache.Table
	worker    *engine.Worker
	decisions [engine.MaxBurst]engine.Decision
	now       time.Duration
}

func newEnginePipeline(b *testing.B, flows int, hasher hash.Hasher) *enginePipeline {
	b.Helper()
	domain := selector.NewDomain()
	group, err := selector.NewGroup[engine.Adjacency](domain, selector.GroupConfig{Name: "vip",
		Strategy: selector.Maglev{}})
	require.NoError(b, err)
	_, err = group.Update(pipelineMembers())
	require.NoError(b, err)
	table, err := flowcache.NewTable(flowcache.Config{Domain: domain, Flows: flows})
	require.NoError(b, err)
	fragments, err := flowcache.NewFragments(flowcache.FragmentsConfig{})
	require.NoError(b, err)
	routes := new(engine.Routes)
	routes.Insert(netip.MustParsePrefix("172.16.0.20/32"), group)
	return &enginePipeline{
		table: table,
		worker: engine.NewWorker(engine.Config{
			Routes: routes, Policy: hash.Policy{Hasher: hasher}, Flows: table, Fragments: fragments,
			Reset: true,
		}),
	}
}

func pipelineMembers() []engine.Hop {
	hops := make([]engine.Hop, 10)
	for i := range hops {
		id := fmt.Sprintf("pod%d", i)
		hops[i] = engine.Hop{ID: id, Weight: 1, Value: engine.Adjacency{
			ID: id, Output: uint16(i),
			Header: engine.NewEthernet(engine.MAC{2, 1, 0, 0, 0, byte(i)}, engine.MAC{2, 0, 0, 0, 0, 1}),
		}}
	}
	return hops
}

func (p *enginePipeline) forward(frames [][]byte) (known int) {
	for len(frames) > 0 {
		burst := frames[:min(engine.MaxBurst, len(frames))]
		p.worker.Burst(p.decisions[:], burst, p.now)
		for i := range burst {
			if p.decisions[i].Verdict == flowcache.Pinned {
				known++
			}
		}
		frames = frames[len(burst):]
	}
	return known
}

func (p *enginePipeline) forget() {
	p.now += 400 * time.Second // longer than any timeout
	p.table.Sweep(p.now)
}
