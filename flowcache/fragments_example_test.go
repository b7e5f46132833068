package flowcache_test

import (
	"fmt"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

// A worker lets fragments follow their flow. One that comes before its first
// fragment waits for it, for 50 ms at most.
func ExampleStrays() {
	fragments, err := flowcache.NewFragments(flowcache.FragmentsConfig{}) // of all workers
	if err != nil {
		panic(err)
	}
	strays := flowcache.NewStrays(fragments) // of this one
	route := func(h *hash.Headers) { fmt.Println(h.Outer) }

	var headers hash.Headers
	var released [32]flowcache.Stray
	receive := func(frame []byte, now time.Duration) {
		if hash.Parse(frame, &headers) != nil {
			return
		}
		if fragments.Complete(&headers, frame, now) || !strays.Hold(&headers, frame, 0, now) {
			route(&headers)
		}
	}
	release := func(now time.Duration) { // after every burst
		for _, s := range released[:strays.Release(released[:], now)] {
			if hash.Parse(s.Frame, &headers) == nil {
				fragments.Complete(&headers, s.Frame, now)
				route(&headers)
			}
		}
	}

	// The second fragment of this datagram comes first.
	datagram := bigDatagram{src: 40000, dst: 53, id: 7}
	receive(datagram.piece(1, 2), 0)
	release(0)
	fmt.Println(strays.Len(), "held")
	receive(datagram.piece(0, 2), 3*time.Millisecond)
	release(3 * time.Millisecond)

	// The first fragment of this one is lost.
	datagram.id++
	receive(datagram.piece(1, 2), 10*time.Millisecond)
	release(60 * time.Millisecond)
	// Output:
	// 1 held
	// UDP 198.51.100.7:40000 -> 172.16.0.20:53
	// UDP 198.51.100.7:40000 -> 172.16.0.20:53
	// UDP 198.51.100.7:0 -> 172.16.0.20:0
}
