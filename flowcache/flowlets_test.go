package flowcache_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// TestFlowletsMoveOnlyAfterAGap sends flows whose packets come at random while
// the weights of the uplinks change. Whatever the packets are, a flow stays
// where it is through silences of up to the gap, and follows the selector after
// longer ones.
func TestFlowletsMoveOnlyAfterAGap(t *testing.T) {
	const gap = 50 * time.Millisecond
	for name, tt := range map[string]struct {
		proto uint8
		flags []hash.TCPFlags
	}{
		"UDP": {17, []hash.TCPFlags{0}},
		"TCP": {6, []hash.TCPFlags{hash.ACK, hash.ACK | hash.PSH, hash.FIN | hash.ACK}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRouter(t, flowcache.Flowlets(selector.NewDomain(), 1000, gap), "a", "b", "c")
			rng := rand.New(rand.NewPCG(1, 2))
			var last [50]struct {
				at     int64
				member string
			}
			moved, followed := 0, 0
			for range 50_000 {
				r.now += rng.Int64N(int64(3 * time.Millisecond))
				if rng.IntN(100) == 0 {
					r.set(selector.Member{ID: "a", Weight: rng.Uint32N(3)},
						selector.Member{ID: "b", Weight: rng.Uint32N(3)}, selector.Member{ID: "c", Weight: 1})
				}
				if rng.IntN(20) == 0 {
					r.sweepPass()
				}
				f := rng.IntN(len(last))
				p := packet(r.view(), uint64(f), tt.proto, tt.flags[rng.IntN(len(tt.flags))])
				m, _ := r.send(p)
				silence := time.Duration(r.now - last[f].at)
				if last[f].at != 0 && silence <= gap {
					require.Equal(t, last[f].member, m)
				}
				if silence > gap*3/2 {
					require.Equal(t, r.view().Select(p.Hash), index(r.view(), m))
					followed++
				}
				if m != last[f].member {
					moved++
				}
				last[f].at, last[f].member = r.now, m
			}
			assert.Greater(t, moved, 100)
			assert.Greater(t, followed, 100)
		})
	}
}

func index(v *selector.View, id string) int {
	for i, m := range v.All() {
		if m.ID == id {
			return i
		}
	}
	return -1
}

func TestFlowletsHaveLeastGap(t *testing.T) {
	_, err := flowcache.NewTable(flowcache.Flowlets(selector.NewDomain(), 1, 16))
	require.NoError(t, err)
}
