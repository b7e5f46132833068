package selector

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestMarksThatAreUpCostNothing(t *testing.T) {
	var d Domain
	a, b := d.Mark("a"), d.Mark("b")
	a.SetDown(true)
	a.SetDown(true)
	b.SetDown(true)
	assert.NotZero(t, d.down.Load())
	assert.Len(t, d.downMarks, 2)
	a.SetDown(false)
	b.SetDown(false)
	assert.Zero(t, d.down.Load(), "look-ups don't ask for marks")
	assert.Empty(t, d.downMarks)
}

func TestWeakMapForgetsWhatNobodyKeeps(t *testing.T) {
	var m weakMap[int, [16]int]
	kept := new([16]int)
	m.put(-1, kept)
	for i := range 10_000 {
		m.put(i, new([16]int))
		if i%1000 == 0 {
			runtime.GC()
		}
	}
	assert.Same(t, kept, m.get(-1))
	assert.Nil(t, m.get(10_000))
	assert.Less(t, len(m.entries), 5000)
	runtime.KeepAlive(kept)
}
