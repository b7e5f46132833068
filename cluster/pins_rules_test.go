package cluster

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// full runs the simulation at its full size, of 36,000 connections a cell: see
// the README of the module.
func full() bool { return os.Getenv("CLUSTER_SIMULATION") == "full" }

// A simulationCell is one setting of the simulation.
type simulationCell struct {
	name   string
	change func(c *simulationConfig)
	most   int // broken, in 36,000 connections
}

// The cells: what the network and the log do to the gateways.
func simulationCells() []simulationCell {
	// Whose packets are closer than Probation less PromoteAfter and two ticks is
	// promoted in time, wherever they enter.
	udp := func(c *simulationConfig) { c.udp, c.silence = true, 5*time.Second }
	return []simulationCell{
		{"TCP, announced", func(*simulationConfig) {}, 0},
		{"TCP, unannounced", func(c *simulationConfig) { c.announced = false }, 5},
		{"TCP, versions up to 5 s apart", func(c *simulationConfig) {
			c.announced, c.behind = false, 5*time.Second
		}, 5},
		{"TCP, announced, versions up to 5 s apart", func(c *simulationConfig) { c.behind = 5 * time.Second }, 5},
		{"TCP, 30 % lost", func(c *simulationConfig) { c.announced, c.loss = false, 0.3 }, 5},
		{"UDP, announced", udp, 7},
		{"UDP, unannounced", func(c *simulationConfig) { udp(c); c.announced = false }, 50},
		{"UDP, messages up to 20 s late", func(c *simulationConfig) { udp(c); c.delay = 20 * time.Second }, 50},
	}
}

// TestSimulation has gateways share pins through changes and switches of flows,
// and judges every packet. A tenth of the messages are lost, others doubled or
// late.
func TestSimulation(t *testing.T) {
	length, seeds := 100*time.Second, 1
	if full() {
		length, seeds = 600*time.Second, 3
	}
	run := func(change func(*simulationConfig)) (sum traffic) {
		for seed := range seeds {
			c := announcedTCP(uint64(seed + 1))
			c.length = length
			change(&c)
			r := simulate(t, c)
			sum.connections += r.connections
			sum.packets += r.packets
			sum.changes += r.changes
			sum.prepared += r.prepared
			sum.switches += r.switches
			sum.broken += r.broken
			sum.moved += r.moved
			sum.reused += r.reused
			sum.disagreeing += r.disagreeing
			sum.zombies += r.zombies
			sum.add(r.shared)
		}
		return sum
	}
	tell := func(name string, r *traffic) {
		t.Logf("%-42s %d connections, %d packets, %d changes, %d switches: %d broken, %d with a tuple used again; "+
			"%d disagree; %d pins sent in %d messages, %d asked for again", name, r.connections, r.packets, r.changes,
			r.switches, r.broken, r.reused, r.disagreeing, r.shared.SentPins, r.shared.SentMessages, r.shared.SentAgain)
	}
	alone := run(func(c *simulationConfig) { c.announced, c.alone = false, true })
	tell("TCP, nothing shared", &alone)
	assert.Greater(t, alone.broken, alone.connections/100, "without pins shared, flows break")
	for _, cell := range simulationCells() {
		r := run(cell.change)
		tell(cell.name, &r)
		assert.LessOrEqual(t, r.broken, cell.most, cell.name)
		assert.Zero(t, r.moved, "%s: flows that were carried were moved", cell.name)
		assert.Zero(t, r.zombies, "%s: pins outlive their flows", cell.name)
		assert.Less(t, r.reused, max(20, alone.reused), cell.name)
	}
}

// TestSimulationFindsEachRule takes one rule out at a time: flows then break in
// a cell where none do with all rules. The rules of Import are broken one by
// one in TestRulesOfImport of flowcache.
func TestSimulationFindsEachRule(t *testing.T) {
	twice := func(c *simulationConfig) { // changes in twos, and gateways far behind
		c.seed, c.length = 4, 150*time.Second
		c.announced, c.behind, c.pairs = false, 5*time.Second, true
		c.switched = [2]time.Duration{5 * time.Second, 6 * time.Second}
	}
	lossy := func(c *simulationConfig) {
		c.seed, c.length = 2, 150*time.Second
		c.announced, c.loss = false, 0.3
		c.switched = [2]time.Duration{2 * time.Second, 4 * time.Second}
	}
	slow := func(c *simulationConfig) { // flows that are promoted after some packets, and few changes
		c.seed, c.length = 3, 100*time.Second
		c.udp, c.silence = true, 7*time.Second
		c.every, c.later, c.life = 16*time.Second, 2*time.Second, 20*time.Second
		c.switched = [2]time.Duration{9 * time.Second, 13 * time.Second}
	}
	young := func(c *simulationConfig) { // many new flows, and switches while gateways are behind
		c.seed, c.length = 8, 100*time.Second
		c.life, c.behind, c.every, c.later = 10*time.Second, 5*time.Second, 6*time.Second, 2*time.Second
		c.switched = [2]time.Duration{0, 5 * time.Second}
	}
	for _, rule := range []struct {
		name   string
		cell   func(c *simulationConfig)
		remove func(c *simulationConfig)
	}{
		{"scan on change", twice, func(c *simulationConfig) { c.noChangeScan = true }},
		{"scan for what was promoted since", slow, func(c *simulationConfig) { c.noYoung = true }},
		{"repair", lossy, func(c *simulationConfig) { c.noRepair = true }},
		{"lease", func(c *simulationConfig) { c.length, c.until = 200*time.Second, 80*time.Second },
			func(c *simulationConfig) { c.noLease = true }},
		{"transition", young, func(c *simulationConfig) { c.noTransition = true }},
		{"doubt", func(c *simulationConfig) { young(c); c.seed, c.announced = 9, false },
			func(c *simulationConfig) { c.noDoubt = true }},
	} {
		t.Run(rule.name, func(t *testing.T) {
			c := announcedTCP(1)
			rule.cell(&c)
			with := simulate(t, c)
			rule.remove(&c)
			without := simulate(t, c)
			t.Logf("%d of %d broken with the rule, %d without", with.broken, with.connections, without.broken)
			assert.LessOrEqual(t, with.broken, 1)
			assert.GreaterOrEqual(t, without.broken, 3+3*with.broken)
		})
	}
}
