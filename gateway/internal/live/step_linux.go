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
	said := ""
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		now := ""
		if err := g.services.By("clock").Step(); err != nil {
			now = err.Error()
		}
		if now != said && now != "" {
			g.Log.Error("what is due can't be done", "error", now)
		}
		said = now
	}
}
