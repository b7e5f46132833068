package live

import (
	"context"
	"time"
)

// stepEvery is how late a slow start or the end of a drain may be.
const stepEvery = 100 * time.Millisecond

// stepUntil has the services do what is due by the clock, until ctx ends. Of
// errors that follow one another, each is logged once.
func (g *gateway) stepUntil(ctx context.Context) error {
	ticker := time.NewTicker(stepEvery)
	defer ticker.Stop()
	var last lastError
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := g.services.By("clock").Step(); last.turns(err) {
			g.Log.Error("what is due can't be done", "error", err)
		}
	}
}
