package pipeline_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/pipeline"
	"github.com/ecmp-go/ecmp/hash"
)

// TestPipelines wants every side to know the flows that it was told and no
// others, and those that rewrite to do so: one that does nothing would be fast.
func TestPipelines(t *testing.T) {
	const flows = 5000
	sides := pipeline.Peers()
	for name, hasher := range map[string]hash.Hasher{"engine": hash.NewMix(1), "engine, XX": hash.XX{Seed: 1}} {
		sides = append(sides, pipeline.Peer{Name: name, New: func(flows int) pipeline.Pipeline {
			p, err := pipeline.NewEngine(flows, hasher)
			require.NoError(t, err)
			return p
		}})
	}
	rewritten := map[string]int{}
	for _, random := range []bool{false, true} {
		for _, s := range sides {
			frames := pipeline.Frames(flows, random)
			p := s.New(flows)
			assert.Zero(t, p.Forward(frames), s.Name)
			pipeline.Fill(p, frames)
			pipeline.Restore(frames)
			assert.GreaterOrEqual(t, p.Forward(frames), flows*99/100, s.Name)
			for _, f := range frames {
				if f[22] == 254 && f[0] == frames[0][0] && f[5] != 1 {
					rewritten[s.Name]++
				}
			}
			p.Forget()
			assert.Zero(t, p.Forward(frames), s.Name)
		}
	}
	assert.Len(t, rewritten, 3, "both engines, and who rewrites by hand: %v", rewritten)
}

// TestPlaces wants the same frames in both orders of memory.
func TestPlaces(t *testing.T) {
	ordered, random := pipeline.Frames(100, false), pipeline.Frames(100, true)
	for i := range ordered {
		require.True(t, bytes.Equal(ordered[i], random[i]))
	}
}
