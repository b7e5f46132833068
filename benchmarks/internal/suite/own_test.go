package suite

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/selector"
)

// plain is the least that a strategy can be.
type plain struct{ members uint64 }

func (plain) Build(members []selector.Member) (selector.Selector, error) {
	return plain{uint64(len(members))}, nil
}

func (p plain) Select(h uint64) int32 { return int32(h % p.members) }

// TestOwnStrategy measures one without bursts, and names it as its owner's.
func TestOwnStrategy(t *testing.T) {
	mine := subject.Strategy{Name: "mine", Strategy: plain{}, Own: true}
	cases := 0
	for _, c := range selectsOf([]subject.Strategy{mine}, Quick()) {
		if !strings.HasPrefix(c.Name, "strategy=mine/") {
			continue
		}
		cases++
		assert.Contains(t, c.Name, "/impl=own/form=one")
		w, err := c.New()
		require.NoError(t, err)
		w.Pass()
	}
	assert.Equal(t, len(Quick().Curve), cases)
	_, err := sharesWork(Size{Draws: 2, Shares: 1 << 10}, mine, 8)
	require.NoError(t, err)
}
