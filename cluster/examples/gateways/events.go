package main

import (
	"context"
	"fmt"

	"github.com/ecmp-go/ecmp/cluster"
)

// An event is what happens between two passes of the traffic.
type event struct {
	name string
	do   func(context.Context, *lab) error
}

var events = []event{ //nolint:gochecknoglobals // read-only
	{"8 members, all flows begin", func(ctx context.Context, l *lab) error { return l.add(ctx, 0, 8) }},
	{"2 members join", func(ctx context.Context, l *lab) error { return l.add(ctx, 8, 2) }},
	{"a gateway is lost", func(_ context.Context, l *lab) error { return l.end(0) }},
	{"a NATS server stops", func(_ context.Context, l *lab) error { l.servers.Halt(0); return nil }},
	{"a member leaves", func(ctx context.Context, l *lab) error {
		_, err := l.gateways[0].m.Update(ctx, func(s *cluster.State) error { s.Remove("pod3"); return nil })
		return err
	}},
	{"another drains", func(ctx context.Context, l *lab) error {
		_, err := l.gateways[1].m.UpdatePlanned(ctx, func(s *cluster.State) error {
			s.Member("pod5").Weight = 0
			return nil
		})
		return err
	}},
	{"upstream swaps the gateways", func(_ context.Context, l *lab) error { l.turn++; return nil }},
	{"the NATS server is back", func(_ context.Context, l *lab) error { return l.servers.Start(0) }},
	{"3 members join, upstream swaps", func(ctx context.Context, l *lab) error {
		l.turn++
		return l.add(ctx, 10, 3)
	}},
}

// add adds members in two phases.
func (l *lab) add(ctx context.Context, from, n int) error {
	_, err := l.gateways[0].m.UpdatePlanned(ctx, func(s *cluster.State) error {
		for i := from; i < from+n; i++ {
			s.Put(cluster.Member{ID: fmt.Sprint("pod", i), Weight: 1, Data: fmt.Sprintf("10.0.0.%d", i+1)})
		}
		return nil
	})
	return err
}
