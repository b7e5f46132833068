package measure

import (
	"runtime"
	"runtime/metrics"
)

// litter is how many bytes may be allocated without a cycle of the garbage
// collector after it.
const litter = 1 << 16

// allocated returns the bytes that were allocated so far.
func allocated() uint64 {
	sample := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(sample)
	return sample[0].Value.Uint64()
}

// collect runs the garbage collector if much was allocated since then, and
// returns what is allocated by now.
func collect(since uint64) uint64 {
	if allocated()-since > litter {
		runtime.GC()
	}
	return allocated()
}
