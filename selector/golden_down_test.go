package selector_test

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"testing"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// views returns what the view of a group of 30 members selects: ten placements
// and the CRC-32 of 10,000, with nobody down and with more and more members
// down, those of odd number in their group alone.
func views(t *testing.T, row catalog.Row, s selector.Strategy) string {
	const n = 30
	group := make([]selector.Member, n)
	for i := range group {
		group[i] = selector.Member{ID: fmt.Sprintf("10.0.%d.1", i*7%n), Weight: []uint32{1, 3, 0, 2, 1}[i%5]}
	}
	d := selector.NewDomain()
	g := newGroup(t, d, selector.GroupConfig{Strategy: s})
	v := mustUpdate(t, g, row.Level(group)...).View()
	line, down := "", 0
	for _, until := range []int{0, 1, 5, 15, 26, 29, 30} {
		for ; down < until; down++ {
			mark := d.Mark(group[down].ID)
			if down%2 == 1 {
				mark = g.Mark(group[down].ID)
			}
			mark.SetDown(true)
		}
		if until > 0 {
			line += fmt.Sprintf(", %d down", until)
		}
		digest := crc32.NewIEEE()
		for i := range uint64(10_000) {
			m := v.Select(goldenHash(i))
			if i < 10 {
				line += fmt.Sprint(" ", m)
			}
			_, _ = digest.Write(binary.LittleEndian.AppendUint16(nil, uint16(m)))
		}
		line += fmt.Sprintf(" %08x", digest.Sum32())
	}
	return line
}
