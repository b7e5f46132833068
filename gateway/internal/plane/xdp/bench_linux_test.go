package xdp

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// The program alone, on one frame in the caches, without the redirect that the
// kernel carries out after it.
func BenchmarkProgram(b *testing.B) {
	for _, way := range []struct {
		name  string
		flows int
		proto uint8
		v6    bool
	}{{"table/IPv4", 0, hash.UDP, false}, {"sticky/IPv4", 1 << 16, hash.TCP, false},
		{"sticky/IPv6", 1 << 16, hash.TCP, true}} {
		b.Run(way.name, func(b *testing.B) {
			r := newFixture(b, way.flows, selector.Maglev{})
			r.update(0, hopsFor(1, 2, 3)...)
			var c conversation
			for _, c = range conversations(100, 1) {
				if c.dst.Addr().Is6() == way.v6 {
					break
				}
			}
			c.proto = way.proto
			frame := c.frame(hash.ACK, 255, 0)
			for range 2 { // placed, promoted
				r.member(frame)
				r.advance(2 * time.Second)
			}
			// The frame is rewritten in place each time, until its lifetime
			// ends.
			const run = 250
			var spent time.Duration
			for i := 0; i < b.N; i += run {
				_, each, err := r.program().Benchmark(frame, run, nil)
				require.NoError(b, err)
				spent += each * run
			}
			b.ReportMetric(float64(spent.Nanoseconds())/float64((b.N+run-1)/run*run), "ns/frame")
		})
	}
}
