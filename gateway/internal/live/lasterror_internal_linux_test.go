package live

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
)

// An error is told when it comes, when it changes, and when it comes again.
func TestLastError(t *testing.T) {
	var e lastError
	one, other := errors.New("one"), errors.New("other")
	for i, step := range []struct {
		err  error
		told bool
	}{{nil, false}, {one, true}, {one, false}, {other, true}, {one, true}, {nil, false}, {nil, false}, {one, true}} {
		assert.Equal(t, step.told, e.turns(step.err), i)
	}
}
