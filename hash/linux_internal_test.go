package hash

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestNonZero: the kernel keeps 0 for "not computed". One flow of 2^32 has it,
// so no vector does.
func TestNonZero(t *testing.T) {
	assert.Equal(t, uint32(1), nonZero(0))
	assert.Equal(t, uint32(1), nonZero(1))
	assert.Equal(t, uint32(1<<32-1), nonZero(1<<32-1))
}
