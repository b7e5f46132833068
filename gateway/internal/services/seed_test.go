package services_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// Another seed is taken down with what it moves: with three equal members, two
// flows of three.
func TestReseed(t *testing.T) {
	f := newRegistry(t)
	f.plane.Receive(vip, 0, 300)
	var seed uint64
	f.By("file").Reseed(3, 4, func(s uint64) { seed = s })
	assert.EqualValues(t, 4, seed)
	c := f.Stats().Changes[0]
	assert.Equal(t, config.Default, c.Service)
	assert.Equal(t, "seed 4, not 3: every flow is placed anew", c.What)
	assert.Equal(t, "file", c.By)
	assert.InDelta(t, 2./3, c.Moved, .02)
	assert.Equal(t, 300, c.Voided)
}
