package selector

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// steps follows find, and counts how often it rehashes and how many buckets it
// reads after the first.
func (s *mementoBuckets) steps(t *testing.T, h uint64) (rehashes, reads int) {
	t.Helper()
	want, _ := s.find(h)
	b := jumpBack(h, uint32(len(s.entries)))
	for after := s.entries[b].after(); after > 0; after = s.entries[b].after() {
		h = rehash(h, b)
		hi, _ := bits.Mul64(h, uint64(after-1))
		b = uint32(hi)
		for rehashes, reads = rehashes+1, reads+1; s.entries[b].after() >= after; reads++ {
			b = s.entries[b].after() - 1
		}
	}
	require.Equal(t, want, b)
	return rehashes, reads
}

// TestMementoSteps holds what a look-up costs after random removals to the
// comment of Memento.
func TestMementoSteps(t *testing.T) {
	const n, hashes = 1000, 1 << 14
	random := rand.New(rand.NewPCG(1, 1))
	var s mementoBuckets
	for range n {
		s.assign(s.add(), 0)
	}
	order := random.Perm(n)
	for _, left := range []int{900, 500, 100, 10} {
		for s.working() > left {
			s.remove(uint32(order[0]))
			order = order[1:]
		}
		var rehashes, reads float64
		for range hashes {
			r, v := s.steps(t, random.Uint64())
			rehashes, reads = rehashes+float64(r)/hashes, reads+float64(v)/hashes
		}
		most, text := float64(n)/float64(left), fmt.Sprintf("%d left", left)
		assert.InEpsilon(t, 1+math.Log(most), 1+rehashes, .03, "hashes of a look-up, "+text)
		assert.InEpsilon(t, most, 1+reads, .05, "buckets that a look-up reads, "+text)
	}
}
