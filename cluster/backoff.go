package cluster

import (
	"context"
	"math/rand/v2"
	"time"
)

// A backoff waits between tries: a random time of up to 20 ms, 40 ms, 80 ms and
// so on to 2 s, so that gateways which lost a server don't all come at once.
type backoff struct{ tries int }

// sleep waits, and reports false once ctx has ended.
func (b *backoff) sleep(ctx context.Context) bool {
	limit := min(20*time.Millisecond<<min(b.tries, 7), 2*time.Second)
	b.tries++
	t := time.NewTimer(rand.N(limit))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
