package xdp

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// Whatever happened before, Find says where the program then sends a frame, and
// leaves the pins as they were: their members, states and times.
func TestFindSaysWhatTheProgramDoesAndChangesNothing(t *testing.T) {
	r := newFixture(t, 1<<12, selector.Bounded{})
	rnd := rand.New(rand.NewPCG(3, 4))
	r.update(0, hopsFor(1, 2, 3)...)
	pins := func() map[uint64]pin {
		all := make(map[uint64]pin)
		for _, m := range []*ebpf.Map{r.maps.established, r.maps.probation} {
			require.NoError(t, each(m, func(digest uint64, w pin) bool { all[digest] = w; return true }))
		}
		return all
	}
	seen := make(map[flowcache.Verdict]int)
	flows := conversations(200, 1)
	for range 100 {
		switch rnd.IntN(5) {
		case 0:
			hops := hopsFor(1, 2, 3, 4)
			for i := range hops {
				hops[i].Weight = uint32(rnd.IntN(3))
			}
			r.update(0, hops[:2+rnd.IntN(3)]...) // drained all of them, at times
		case 1:
			r.setDown(uint16(1+rnd.IntN(3)), rnd.IntN(3) == 0)
		case 2:
			r.advance([]time.Duration{time.Second, 9 * time.Second, 40 * time.Second, 400 * time.Second}[rnd.IntN(4)])
		}
		for range 20 {
			c := flows[rnd.IntN(len(flows))]
			flags := hash.TCPFlags(0)
			if c.proto == hash.TCP {
				flags = []hash.TCPFlags{hash.ACK, hash.SYN, hash.FIN | hash.ACK}[rnd.IntN(3)]
			}
			frame := c.frame(flags, 64, 0)
			before := pins()
			found, err := r.Find(frame)
			require.NoError(t, err)
			require.Equal(t, before, pins())
			seen[found.Route.Verdict]++
			if found.Route.Member < 0 {
				action, _ := r.run(frame)
				require.EqualValues(t, xdpDrop, action, "%+v", found)
				continue
			}
			require.Equal(t, hopOf(r.member(frame), 1).ID, found.View.Member(found.Route.Member).ID, "%+v", found)
		}
	}
	for _, v := range []flowcache.Verdict{flowcache.Pinned, flowcache.Placed, flowcache.Moved, flowcache.Detoured,
		flowcache.NoMember} {
		assert.Positive(t, seen[v], v)
	}
}
