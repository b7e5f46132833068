package suite

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestManySets wants sets of its own for each number of members, and others in
// another set of draws.
func TestManySets(t *testing.T) {
	size, all := Full(), []uint64(nil)
	for n := 2; n <= 16; n++ {
		all = append(all, size.manySets(n)...)
		size.Seeds = 1
		all = append(all, size.manySets(n)...)
		size.Seeds = 0
	}
	all = append(all, size.sets()...)
	slices.Sort(all)
	assert.Len(t, slices.Compact(all), 2*15*60+20)
}
