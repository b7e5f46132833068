package cluster_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/selector"
)

// A neverPrepared observer keeps its gateway from being prepared for a plan.
type neverPrepared struct{}

func (neverPrepared) Planned(ctx context.Context, _ cluster.Plan) { <-ctx.Done() }
func (neverPrepared) Changed(_, _ *selector.View)                 {}
func (neverPrepared) Settled(uint64)                              {}

// A plan that nobody carries out is withdrawn: by who announced it, and by the
// others if that one is gone.
func TestOrphanedPlans(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]time.Duration{
		"given up": patience, "given up before it is answered": patience, "lost": time.Second,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := one(t, nil)
			way := wayTo(t, url)
			var list []*cluster.Membership
			for _, gateway := range []string{"g1", "g2"} {
				c := config(gateway, url)
				if gateway == "g1" {
					c = config(gateway, "nats://"+way.Addr)
				}
				c.Prepare = prepare
				m, _ := join(t, connect(t, c), selector.Bounded{Slots: 1024})
				list = append(list, m)
			}
			writer, other := list[0], list[1]
			_, err := writer.Update(soon(t), put("a b"))
			require.NoError(t, err)
			_, stop := other.Observe(neverPrepared{})
			defer stop()
			eventually(t, "the writer knows the other one", func() bool {
				p, ok := writer.Conn().Peer("g2")
				return ok && p.Refused == nil && p.Groups["web"].Version > 0
			})
			unanswered := name == "given up before it is answered"
			if unanswered {
				way.Hold(true)
			}
			ctx, giveUp := context.WithCancel(soon(t))
			failed := make(chan error)
			go func() {
				_, err := writer.UpdatePlanned(ctx, put("c"))
				failed <- err
			}()
			planned := func() bool { state, _ := other.State(); return state.Plan != nil }
			eventually(t, "the announcement", planned)
			if name == "lost" {
				writer.Conn().NATS().Close()
			}
			giveUp()
			require.Error(t, <-failed)
			if unanswered {
				way.Hold(false)
			}
			eventually(t, "it is withdrawn", func() bool { return !planned() })
			state, _ := other.State()
			require.Len(t, state.Members, 2)
			require.Equal(t, 2, other.View().Len())
		})
	}
}
