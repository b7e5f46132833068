package cluster

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestPinsOutliveAServer stops one of three NATS servers amid the pins of a
// change: that of the gateway that sends them, or that of one that takes them.
// Each goes to another server, and gets what it missed.
func TestPinsOutliveAServer(t *testing.T) {
	const flows, batch = 10_000, 64
	for server, whose := range []string{"of the sender", "of a receiver"} {
		t.Run(whose, func(t *testing.T) {
			servers, urls := livingServers(t)
			var armed atomic.Bool
			sent := 0
			list := livingOn(t, urls, 3, 2*flows, false, func(p *Pins) {
				if p.conn.Config().Gateway != "g0" {
					return
				}
				p.sharer.batch = batch
				p.sharer.send = func(subject string, data []byte) {
					if armed.Load() && messageKind(data[len(pinsMagic)+1]) == kindPins {
						if sent++; sent == 20 {
							go servers[server].Shutdown() // the rest is sent meanwhile
						}
					}
					p.send(subject, data)
				}
			})
			update(t, list, false, members(0, 5))
			was := list[0].establish(0, flows)
			armed.Store(true)
			update(t, list, false, members(5, 10))
			wrong := uint64(list[0].wrong(0, was))
			require.Greater(t, wrong, uint64(20*batch))
			for _, g := range list[1:] {
				soon(t, "every pin comes", func() bool { return g.pins.Stats().Added >= wrong })
				assert.Zero(t, g.changed(0, was))
			}
			assert.False(t, servers[server].Running())
			s := list[0].pins.Stats()
			t.Logf("%d pins deviate, %d were sent, %d of them again; %d messages had no server", wrong, s.SentPins,
				s.SentAgain, s.Unsent)
			// What is planned is carried out with two servers.
			update(t, list, true, members(10, 11))
			for _, g := range list {
				assert.Zero(t, g.changed(0, was))
			}
		})
	}
}

// TestShareAll has gateways share every pin, and not just those that deviate,
// over the embedded servers: a change needs nothing then.
func TestShareAll(t *testing.T) {
	const flows = 2000
	list := living(t, 2, 20_000, true, nil)
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	for _, g := range list {
		g.pins.Share(g.membership, ShareAll)
		running.Go(func() {
			if err := g.pins.Run(ctx); !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		})
	}
	update(t, list, false, members(0, 5))
	was := list[0].establish(0, flows)
	require.Zero(t, list[0].wrong(0, was))
	soon(t, "all pins come", func() bool { return list[1].pins.Stats().Added >= flows })
	assert.Zero(t, list[1].pins.Stats().SentPins, "what came is not sent on")
	update(t, list, false, members(5, 10))
	require.Greater(t, list[0].wrong(0, was), flows/3)
	assert.Zero(t, list[1].changed(0, was), "they are there already")
	update(t, list, true, members(10, 11))
	assert.Zero(t, list[0].changed(0, was))
}
