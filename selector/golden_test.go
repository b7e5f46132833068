package selector_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

var update = flag.Bool("update", false, "rewrite testdata/placement.golden: a breaking change, see CHANGELOG.md")

// TestPlacementGolden pins the placement of every strategy. Equal members,
// parameters and hashes must give the same member in every release: routers of
// different releases share flows.
func TestPlacementGolden(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# strategy, members, weights: 20 placements, CRC-32 of 10,000, of a table, and of 500 second choices; after changes\n")
	for _, s := range []selector.Strategy{
		selector.Modulo{}, selector.Modulo{KeepOrder: true}, selector.Threshold{}, selector.Threshold{KeepOrder: true},
		selector.Rendezvous{}, selector.Rendezvous{Seed: 42},
		selector.Maglev{}, selector.Maglev{Seed: 42}, selector.Maglev{Size: 1021}, selector.Maglev{Size: 655373},
		selector.Jump{},
		selector.Bounded{}, selector.Bounded{Seed: 42}, selector.Bounded{Slots: 1024, Slack: selector.NoSlack},
		selector.Bounded{Slots: 4096, Slack: selector.UnlimitedSlack}, selector.Bounded{Slots: 1 << 18, Slack: 20},
		selector.Anchor{}, selector.Anchor{Capacity: 500, Seed: 42}, selector.Memento{}, selector.Memento{Seed: 42},
		selector.Resilient{}, selector.Resilient{Buckets: 1000, Seed: 42},
		selector.Ring{}, selector.Ring{Points: 20, Seed: 42}, selector.MultiProbe{}, selector.MultiProbe{Probes: 5,
			Seed: 42},
	} {
		for _, n := range []int{3, 10, 100, 300} {
			for _, weights := range [][]uint32{{1}, {1, 0, 2}, {3, 10, 0, 1, 2, 1 << 20}} {
				fmt.Fprintf(&b, "%T%+v %d %v:%s\n", s, s, n, weights, placements(t, s, n, weights))
			}
		}
	}
	path := filepath.Join("testdata", "placement.golden")
	if *update {
		require.NoError(t, os.WriteFile(path, b.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String(), "placement is a contract between routers")
}

func placements(t *testing.T, s selector.Strategy, n int, weights []uint32) string {
	group := make([]selector.Member, n)
	for i := range group {
		group[i] = selector.Member{ID: fmt.Sprintf("10.0.%d.1", i*7%n), Weight: weights[i%len(weights)]}
	}
	group = levelled(s, group)
	built := build(t, s, group)
	line := placementLine(built)
	if _, ok := built.(selector.Rebuilder); !ok {
		return line
	}
	// The history of a Rebuilder: every third member leaves, some join, one
	// comes back with the weight of another.
	var fewer []selector.Member
	for i, m := range group {
		if i%3 != 1 {
			fewer = append(fewer, m)
		}
	}
	after := rebuild(t, built, group, fewer)
	more := append([]selector.Member{group[1]}, fewer...)
	more[0].Weight = group[0].Weight
	for i := range n/5 + 1 {
		more = append(more, selector.Member{ID: fmt.Sprint("new", i), Weight: group[0].Weight})
	}
	after = rebuild(t, after, fewer, more)
	return line + " later" + placementLine(after)
}

func placementLine(built selector.Selector) string {
	line, digest := "", crc32.NewIEEE()
	add := func(m int) { _, _ = digest.Write(binary.LittleEndian.AppendUint16(nil, uint16(m))) }
	for i := range uint64(10_000) {
		m := built.Select(goldenHash(i))
		if i < 20 {
			line += fmt.Sprint(" ", m)
		}
		add(m)
	}
	line += fmt.Sprintf(" %08x", digest.Sum32())
	if table, ok := built.(selector.Tabled); ok {
		digest.Reset()
		for slot := range table.Slots() {
			add(table.Owner(slot))
		}
		line += fmt.Sprintf(" table %08x", digest.Sum32())
	}
	if ranker, ok := built.(selector.Ranker); ok {
		digest.Reset()
		for i := range uint64(500) {
			add(ranker.Next(goldenHash(i), ranker.Select(goldenHash(i))))
		}
		line += fmt.Sprintf(" next %08x", digest.Sum32())
	}
	return line
}

// goldenHash returns fixed hashes: of 64 bits, and at odd i of 32 bits in the
// high half.
func goldenHash(i uint64) uint64 {
	h := (i + 1) * 0x9e3779b97f4a7c15
	h = (h ^ h>>32) * 0xd6e8feb86659fd93
	if i%2 == 1 {
		return h >> 32 << 32
	}
	return h
}
