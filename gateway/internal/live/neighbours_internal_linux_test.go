package live

import (
	"context"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

// Doubts that go on coming don't put off those that are due, nor the end.
func TestDoubtsAreDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		g := &gateway{doubts: make(chan doubt, mostDoubts)}
		at := func(i int) place { return place{i, netip.AddrFrom4([4]byte{10, 9, 0, byte(i)})} }
		go func() {
			for i := 0; ctx.Err() == nil; i++ {
				g.doubts <- doubt{at(i), time.Now().Add(resolvePatience)}
				select {
				case <-ctx.Done():
				case <-time.After(resolvePatience * 2 / 5):
				}
			}
		}()
		began := time.Now()
		now := g.due(ctx, <-g.doubts)
		assert.Equal(t, 2*resolvePatience-resolvePatience/5, time.Since(began))
		assert.Len(t, now, 3, "one, and the two that came while it was waited for")
		assert.Contains(t, now, at(2))

		began = time.Now()
		next := <-g.doubts
		time.AfterFunc(resolvePatience/10, cancel)
		g.due(ctx, next)
		assert.Equal(t, resolvePatience/10, time.Since(began))
	})
}
