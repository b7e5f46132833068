package flows

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/ecmp-go/ecmp/internal/hugepage"
)

// A Chase is memory to follow pointers through: each cache line names the next,
// all in one cycle. With 32 chains at a time it is the most cache misses that a
// processor core can serve, one for each flow: what no table can be faster
// than.
type Chase struct {
	lines []line
	at    [Batch]uint32
	sum   atomic.Uint32
}

type line struct {
	next uint32
	_    [15]uint32
}

// NewChase returns a chase through n cache lines, on huge pages if the system
// gives them to who asks, as the table does.
func NewChase(n int, huge bool) *Chase {
	order := rand.New(rand.NewPCG(1, 2)).Perm(n)
	c := &Chase{lines: make([]line, n)}
	if huge {
		hugepage.Advise(c.lines)
	}
	for i, at := range order {
		c.lines[at].next = uint32(order[(i+1)%n])
	}
	for i := range c.at {
		c.at[i] = uint32(order[i*n/len(c.at)])
	}
	return c
}

// Follow follows n pointers.
func (c *Chase) Follow(n int) {
	at := c.at
	for range n / len(at) {
		for i := range at {
			at[i] = c.lines[at[i]].next
		}
	}
	c.at = at
	c.sum.Add(at[0])
}
