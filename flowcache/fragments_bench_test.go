package flowcache_test

import (
	"testing"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

// BenchmarkFragments completes fragments of parsed frames; one operation is one
// fragment. In order, a datagram of three is a first fragment and two later
// ones. Backwards, two are held, copied and given back.
func BenchmarkFragments(b *testing.B) {
	for name, order := range map[string][3]int{"in order": {0, 1, 2}, "backwards": {2, 1, 0}} {
		b.Run(name, func(b *testing.B) {
			f := newFragments(b, flowcache.FragmentsConfig{})
			strays := flowcache.NewStrays(f)
			var frames [3][]byte
			var headers [3]hash.Headers
			for k, n := range order {
				d := bigDatagram{src: 1, dst: 2}
				frames[k] = append(d.piece(n, 3), make([]byte, 1400)...)
				if err := hash.Parse(frames[k], &headers[k]); err != nil {
					b.Fatal(err)
				}
			}
			var out [64]flowcache.Stray
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				n, now := i%3, time.Duration(i)
				h := headers[n]
				h.FragID = uint32(i / 3)
				if !f.Complete(&h, frames[n], now) {
					strays.Hold(&h, frames[n], 0, now)
				}
				if n == 2 {
					strays.Release(out[:], now)
				}
			}
		})
	}
}
