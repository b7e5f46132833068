package cluster

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/racecheck"
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
	udp := func(c *simulationConfig) { c.udp, c.silence = true, 7*time.Second }
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
	racecheck.OneGoroutine(t)
	t.Parallel()
	length, seeds := 100*time.Second, 1
	if full() {
		length, seeds = 600*time.Second, 3
	}
	run := func(t *testing.T, change func(*simulationConfig)) (sum traffic) {
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
			sum.reusedElse += r.reusedElse
			sum.lapsed += r.lapsed
			sum.disagreeing += r.disagreeing
			sum.zombies += r.zombies
			sum.add(r.shared)
		}
		return sum
	}
	tell := func(t *testing.T, name string, r *traffic) {
		t.Logf("%-42s %d connections, %d packets, %d changes, %d switches: %d broken, %d lapsed, %d and %d with a "+
			"tuple used again; %d disagree; %d pins sent in %d messages, %d asked for again", name, r.connections,
			r.packets, r.changes, r.switches, r.broken, r.lapsed, r.reused, r.reusedElse, r.disagreeing,
			r.shared.SentPins, r.shared.SentMessages, r.shared.SentAgain)
	}
	alone := run(t, func(c *simulationConfig) { c.announced, c.alone = false, true })
	tell(t, "TCP, nothing shared", &alone)
	assert.Greater(t, alone.broken, alone.connections/100, "without pins shared, flows break")
	for _, cell := range simulationCells() {
		t.Run(cell.name, func(t *testing.T) {
			t.Parallel()
			r := run(t, cell.change)
			tell(t, cell.name, &r)
			assert.LessOrEqual(t, r.broken, cell.most)
			assert.Zero(t, r.moved, "flows that were carried were moved")
			assert.Zero(t, r.zombies, "pins outlive their flows")
			assert.Less(t, r.reused, max(20, alone.reused))
		})
	}
}

// TestSimulationFindsEachRule takes one rule out at a time: flows then break in
// a cell where none do with all rules. The rules of Import are broken one by
// one in TestRulesOfImport of flowcache.
func TestSimulationFindsEachRule(t *testing.T) {
	racecheck.OneGoroutine(t)
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
		{"doubt", func(c *simulationConfig) { young(c); c.seed, c.length, c.announced = 2, 60*time.Second, false },
			func(c *simulationConfig) { c.noDoubt = true }},
	} {
		t.Run(rule.name, func(t *testing.T) {
			t.Parallel()
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

// TestPinsAreSentOnce makes changes one upon another, with a scan for the
// promoted ones of each still to come when the next one is made, while flows
// go on. It counts how often each pin is sent that deviates, leases aside: with
// the rule that what all were told is not told again, and without it.
func TestPinsAreSentOnce(t *testing.T) {
	racecheck.OneGoroutine(t)
	for _, c := range []struct {
		name      string
		gateways  int
		announced bool
		noMemory  bool
	}{
		{"3 gateways, announced", 3, true, false}, {"3 gateways, unannounced", 3, false, false},
		{"8 gateways, announced", 8, true, false}, {"3 gateways, without the rule", 3, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			sent, pins, needless := uint64(0), 0, 0
			for seed := range uint64(2) {
				s := announcedTCP(seed + 1)
				s.gateways, s.announced, s.noMemory, s.counted = c.gateways, c.announced, c.noMemory, true
				s.length, s.every, s.later, s.loss, s.noLease = 60*time.Second, 2*time.Second, 2*time.Second, 0, true
				s.tables.EstablishedTCP = 0
				r := simulate(t, s)
				assert.Zero(t, r.broken)
				sent += r.shared.SentPins
				pins += len(r.told)
				for d := range r.told {
					if !r.deviated[d] {
						needless++
					}
				}
			}
			times := float64(sent) / float64(pins)
			t.Logf("%d pins were sent, %.3f times each; %d of them were not seen to deviate", pins, times, needless)
			assert.LessOrEqual(t, needless, pins/10)
			require.Greater(t, pins, 400)
			if c.noMemory {
				assert.Greater(t, times, 2.0)
			} else {
				assert.LessOrEqual(t, times, 1.2)
			}
		})
	}
}

// TestTuplesUsedAgain looks at connections that begin with the five-tuple of one
// which ended lately, and are sent to the member of that one by another gateway
// that has its pin still. Nearly all begin anew where the FIN of the one before
// was seen. With the rule that others are told of these, fewer break.
func TestTuplesUsedAgain(t *testing.T) {
	racecheck.OneGoroutine(t)
	t.Parallel()
	run := func(change func(*simulationConfig)) (broken int) {
		c := announcedTCP(1)
		c.length, c.reuse = 100*time.Second, 0.5
		if full() {
			c.length = 600 * time.Second
		}
		change(&c)
		r := simulate(t, c)
		assert.LessOrEqual(t, r.reusedElse, 1+r.reused/10, "all else is something else")
		return r.reused
	}
	with := run(func(*simulationConfig) {})
	without := run(func(c *simulationConfig) { c.noRoll = true })
	silent := run(func(c *simulationConfig) { c.noRoll, c.silentEnds = true, true })
	t.Logf("broken: %d, %d without the rule, %d without it if no connection ends by a FIN", with, without, silent)
	assert.Less(t, silent, without/2)
	assert.Less(t, with, without*2/3)
}
