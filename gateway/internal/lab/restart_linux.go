package lab

import (
	"context"
	"os"
	"syscall"
	"time"
)

// restart is a change of the process alone: the gateway is ended and started
// again. A pod joins before, so that flows are on other pods than a selector
// alone would find them on.
func restart(ctx context.Context, g *gateway, pods []*pod, c Config) change {
	event, signal := "restart, pod4 just added", syscall.SIGTERM
	if c.Kill {
		event, signal = "kill and restart, pod4 added", syscall.SIGKILL
	}
	return change{
		event: event, before: pods[1:3], asked: pods[3:], due: float64(c.Connections) / 3,
		apply: func(subject) error {
			if err := g.add(pods[3]); err != nil {
				return err
			}
			if c.Kill {
				if err := g.saved(ctx); err != nil {
					return err
				}
			}
			began := time.Now()
			g.end(signal)
			err := g.run(ctx)
			g.pause = time.Since(began)
			return err
		},
	}
}

// saved waits for a snapshot that was begun after the call: the second one that
// appears. The gateway makes one each second.
func (g *gateway) saved(ctx context.Context) error {
	last := time.Now()
	for n := 0; n < 2; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-g.ended:
			return errEnded
		case <-time.After(20 * time.Millisecond):
		}
		if info, err := os.Stat(g.snapshot()); err == nil && info.ModTime().After(last) {
			last, n = info.ModTime(), n+1
		}
	}
	return nil
}
