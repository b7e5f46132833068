package joined

import (
	"context"
	"errors"
	"time"

	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// endEvery is how late the end of a drain may come to be in the log.
const endEvery = time.Second

// endDrains has the log say which drains have ended, until ctx ends. Who can't
// write leaves it to the others. Of errors that follow one another, each is
// logged once.
func (c *Cluster) endDrains(ctx context.Context) {
	said := ""
	for ctx.Err() == nil {
		now := ""
		err := c.Services.EndOverdue()
		if err != nil && !errors.Is(err, services.ErrNoCluster) && !errors.Is(err, services.ErrNotAllowed) {
			now = err.Error()
		}
		if now != said && now != "" {
			c.Log.Error("cluster: the end of drains is not in the log yet", "error", now)
		}
		said = now
		pause(ctx, endEvery)
	}
}
