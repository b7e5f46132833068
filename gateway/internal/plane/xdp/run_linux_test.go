package xdp

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A sweep that fails ends nothing: the next one removes the pins.
func TestSweepFails(t *testing.T) {
	r := newFixture(t, 100, selector.Bounded{})
	r.update(0, hopsFor(1)...)
	for _, c := range conversations(10, 1) {
		r.member(c.frame(hash.SYN, 64, 0))
		r.member(c.frame(hash.ACK, 64, 0))
	}
	pins := func() (n int) {
		require.NoError(t, each(r.maps.established, func(uint64, pin) bool { n++; return true }))
		return n
	}
	require.Positive(t, pins())
	r.advance(24 * time.Hour)
	mend := breaks(t, &r.flows.maps.established)
	ctx, cancel := context.WithCancel(t.Context())
	tick, ended := make(chan time.Time), make(chan struct{})
	go func() {
		defer close(ended)
		r.upkeep(ctx, tick)
	}()
	for range 3 { // each is taken after the one before failed
		select {
		case tick <- time.Time{}:
		case <-ended:
			require.Fail(t, "upkeep ended")
		}
	}
	cancel()
	<-ended
	mend()
	require.Positive(t, pins())
	r.tidy()
	assert.Zero(t, pins())
}
