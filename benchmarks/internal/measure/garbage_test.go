package measure

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

// TestGarbageIsCollected wants a cycle of the garbage collector behind the turn
// of a side that allocates, and none behind one that does not.
func TestGarbageIsCollected(t *testing.T) {
	var kept []byte
	cycles := func(pass func()) uint32 {
		r := &runner{Work: &suite.Work{Items: 1, Pass: pass}, passes: 1}
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		r.turn()
		runtime.ReadMemStats(&after)
		return after.NumForcedGC - before.NumForcedGC
	}
	assert.Zero(t, cycles(func() {}))
	assert.EqualValues(t, 1, cycles(func() { kept = make([]byte, 2*litter) }))
	assert.Len(t, kept, 2*litter)
}
