package selector_test

import (
	"fmt"
	"math"
	"math/bits"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

func slotOf(h, n uint64) uint64 {
	slot, _ := bits.Mul64(h, n)
	return slot
}

// TestInvalidGroups calls Build itself, without New.
func TestInvalidGroups(t *testing.T) {
	many := make([]selector.Member, 65536)
	for i := range many {
		many[i] = selector.Member{ID: fmt.Sprint(i), Weight: 1}
	}
	for _, s := range settings() {
		for name, c := range map[string]struct {
			members []selector.Member
			want    selector.GroupError
			message string
		}{
			"none": {nil, selector.GroupError{Err: selector.ErrNoMembers, Index: -1}, "selector: no members"},
			"duplicate": {
				selector.Equal("b", "a", "b"), selector.GroupError{Err: selector.ErrDuplicate, Member: "b", Index: 2},
				`selector: duplicate member ID: member 2 "b"`,
			},
			"empty ID": {
				selector.Equal("b", ""), selector.GroupError{Err: selector.ErrEmptyID, Index: 1},
				`selector: empty member ID: member 1 ""`,
			},
			"zero weights": {
				[]selector.Member{{ID: "a"}, {ID: "b"}}, selector.GroupError{Err: selector.ErrNoWeight, Index: -1,
					Value: 2},
				"selector: every weight is zero: 2",
			},
			"too many": {
				many, selector.GroupError{Err: selector.ErrTooMany, Index: -1, Value: 65536, Limit: 65535},
				"selector: too many members: 65536 (limit 65535)",
			},
			"weight overflow": {
				[]selector.Member{{ID: "a", Weight: math.MaxUint32 - 1}, {ID: "b", Weight: 1}},
				selector.GroupError{Err: selector.ErrWeightSum, Member: "b", Index: 1, Value: math.MaxUint32,
					Limit: selector.MaxWeight},
				`selector: weights add up to too much: member 1 "b": a sum of 4294967295 (limit 4294967294)`,
			},
		} {
			t.Run(fmt.Sprintf("%T/%s", s, name), func(t *testing.T) {
				built, err := s.Build(c.members)
				assert.Nil(t, built)
				var e *selector.GroupError
				require.ErrorAs(t, err, &e)
				assert.Equal(t, c.want, *e)
				require.EqualError(t, err, c.message)
			})
		}
	}
}
