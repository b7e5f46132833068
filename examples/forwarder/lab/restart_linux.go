package lab

import (
	"context"
	"syscall"
	"time"
)

// restart is a change of the process alone: the forwarder is ended and started again. A pod joins before, so that flows are
// on other pods than a selector alone would find them on.
func restart(ctx context.Context, r *router, pods []*pod, connections int) change {
	return change{
		event: "restart, pod4 just added", before: pods[1:3], asked: pods[3:], due: float64(connections) / 3,
		apply: func(plane) error {
			if err := r.add(pods[3]); err != nil {
				return err
			}
			began := time.Now()
			r.end(syscall.SIGTERM)
			err := r.run(ctx)
			r.pause = time.Since(began)
			return err
		},
	}
}
