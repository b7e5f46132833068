package cluster

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

func memoryOf(t *testing.T, flows int) (*memory, *flowcache.Table) {
	t.Helper()
	table, err := flowcache.NewTable(flowcache.Config{Domain: selector.NewDomain(), Flows: flows})
	require.NoError(t, err)
	shares, err := sharedBy(table, time.Minute)
	require.NoError(t, err)
	return newMemory(table, shares), table
}

// TestMemory tells of a pin, and asks whether another one of its flow is news.
func TestMemory(t *testing.T) {
	const (
		young   = flowcache.Probation
		closing = flowcache.Closing
		tcp     = flowcache.EstablishedTCP
		idle    = 200 * time.Second
		half    = 176 * time.Second
	)
	type pin = flowcache.Pin
	for name, c := range map[string]struct {
		was, is pin
		after   time.Duration
		news    bool
	}{
		"the same":                 {pin{State: tcp}, pin{State: tcp}, 0, false},
		"another member":           {pin{State: tcp}, pin{State: tcp, Slot: 9}, 0, true},
		"older":                    {pin{State: tcp}, pin{State: tcp, Age: idle}, 0, false},
		"idle, and used since":     {pin{State: tcp, Age: idle}, pin{State: tcp}, 0, true},
		"idle as before":           {pin{State: tcp, Age: idle}, pin{State: tcp, Age: idle}, 0, false},
		"promoted":                 {pin{State: young}, pin{State: tcp}, 0, true},
		"on probation as before":   {pin{State: young}, pin{State: young}, 3 * time.Second, false},
		"on probation again":       {pin{State: young}, pin{State: young}, 8 * time.Second, true},
		"begun anew at its member": {pin{State: tcp}, pin{State: young}, 0, false},
		"ending":                   {pin{State: tcp}, pin{State: closing}, 0, false},
		"ending as before":         {pin{State: closing}, pin{State: closing}, 20 * time.Second, false},
		"ended, and begun anew":    {pin{State: closing}, pin{State: tcp}, 0, true},
		"ending for long":          {pin{State: closing}, pin{State: closing}, 40 * time.Second, true},
		"told a while ago":         {pin{State: tcp}, pin{State: tcp}, half - 10*time.Second, false},
		"told half a timeout ago":  {pin{State: tcp}, pin{State: tcp}, half + 10*time.Second, true},
		"told long ago":            {pin{State: tcp}, pin{State: tcp}, 8000 * time.Second, true},
	} {
		m, table := memoryOf(t, 1000)
		m.turnOver(began)
		c.was.Key, c.is.Key = table.KeyOf(mixFlow(1)), table.KeyOf(mixFlow(1))
		require.True(t, m.isNews(&c.was, false, began), name)
		m.enterAll()
		for now := began; now <= began+c.after; now += time.Second {
			m.turnOver(now)
		}
		assert.Equal(t, c.news, m.isNews(&c.is, false, began+c.after), name)

		m.forget()
		m.heard([]flowcache.Pin{c.was}, began)
		m.enterHeard()
		assert.Equal(t, c.news, m.isNews(&c.is, false, began+c.after), "%s: told by another gateway", name)
		m.forget()
		assert.True(t, m.isNews(&c.is, false, began+c.after), "%s: forgotten", name)
		assert.True(t, m.isNews(&c.is, true, began+c.after), "%s: a lease is always told", name)
	}
}

// TestMemoryTellsFlowsApart tells of two flows that have one tag, as some tens
// have in a table of a million, and are at one member.
func TestMemoryTellsFlowsApart(t *testing.T) {
	m, table := memoryOf(t, 100_000)
	buckets := uint64(table.Buckets())
	first := table.KeyOf(1<<40 | 1)
	var second flowcache.Key
	for low := uint64(1); second == (flowcache.Key{}); low += 1 << 30 / buckets {
		if k := table.KeyOf(1<<40 | low); table.Canonical(k) != table.Canonical(first) {
			second = k
		}
	}
	require.Equal(t, tagOf(first), tagOf(second))
	for _, k := range []flowcache.Key{first, second} {
		p := flowcache.Pin{Key: k, State: flowcache.EstablishedTCP}
		assert.True(t, m.isNews(&p, false, began))
		m.enterAll()
		p.Key = table.Canonical(k)
		assert.False(t, m.isNews(&p, false, began), "in whichever of its buckets")
	}
}

// TestMemoryOfWhatGotLost asks what a scan told, for who asks for it again.
func TestMemoryOfWhatGotLost(t *testing.T) {
	m, table := memoryOf(t, 1000)
	pin := func(flow uint64) *flowcache.Pin {
		return &flowcache.Pin{Key: table.KeyOf(mixFlow(flow)), State: flowcache.EstablishedTCP}
	}
	m.isNews(pin(1), false, began)
	later := began + time.Minute
	m.isNews(pin(2), false, later)
	m.heard([]flowcache.Pin{*pin(3)}, later)
	m.enterAll()
	now := later + 5*time.Second
	assert.False(t, m.wasTold(pin(1), later, now), "before that scan")
	assert.True(t, m.wasTold(pin(1), began, now))
	assert.True(t, m.wasTold(pin(2), later, now))
	assert.False(t, m.wasTold(pin(3), later, now), "by another gateway")
	assert.True(t, m.wasTold(pin(4), later, now), "it may have been")
}

// TestMemoryIsBounded tells of more pins than a memory has room for: what it
// has no room for is news again.
func TestMemoryIsBounded(t *testing.T) {
	m, table := memoryOf(t, 20_000)
	known := 0
	for round := range 2 {
		for f := range uint64(100_000) {
			p := flowcache.Pin{Key: table.KeyOf(mixFlow(f)), State: flowcache.EstablishedTCP}
			if !m.isNews(&p, false, began) {
				known++
			}
		}
		if round == 0 {
			require.Zero(t, known, "no two flows are one")
		}
		require.LessOrEqual(t, len(m.now.entries), max(1024, table.Cap()))
		require.LessOrEqual(t, 2*m.now.used, len(m.now.entries))
	}
	assert.Greater(t, known, table.Cap()/8)
	m.turnOver(began)
	m.turnOver(began + m.period)
	m.turnOver(began + 2*m.period)
	assert.LessOrEqual(t, len(m.now.entries)+len(m.before.entries), 2*m.least)
}

// TestMemoryIsEmptied tells of pins for some periods: sets that are used again
// have nothing of the periods before.
func TestMemoryIsEmptied(t *testing.T) {
	m, table := memoryOf(t, 20_000)
	taken := func(s told) (n int) {
		for _, e := range s.entries {
			if e.flow != 0 {
				n++
			}
		}
		return n
	}
	for period := range uint64(5) {
		m.turnOver(began + time.Duration(period)*m.period)
		for f := range 100 + period {
			p := flowcache.Pin{Key: table.KeyOf(mixFlow(1000*period + f)), State: flowcache.EstablishedTCP}
			m.isNews(&p, false, began)
		}
		m.enterAll()
		require.Equal(t, int(100+period), taken(m.now))
		if period > 0 {
			require.Equal(t, int(99+period), taken(m.before))
		}
	}
	m.forget()
	assert.Zero(t, taken(m.now)+taken(m.before))
}

// TestUnsentIsToldAgain has messages fail, since there is no connection: what
// they told is forgotten by the next step, once.
func TestUnsentIsToldAgain(t *testing.T) {
	s := newSharing(t)
	s.pinned(1000)
	s.from.sharer.send = (&Pins{conn: new(Conn), sharer: s.from.sharer}).send
	s.from.work()
	sent := s.from.counters.stats().SentPins
	require.Positive(t, sent)
	requestYoung(s.from.shared, s.from.sharer.youngStates(), time.Minute)
	s.from.work()
	assert.Equal(t, 2*sent, s.from.counters.stats().SentPins)
}

// TestImportedPinsAreNotSentOn has a gateway scan for a change after it has
// imported what another one sent of it.
func TestImportedPinsAreNotSentOn(t *testing.T) {
	s := newSharing(t)
	for f := range uint64(1000) {
		_, _ = s.from.packet(f, hash.SYN)
		_, _ = s.from.packet(f, hash.ACK)
	}
	s.settle()
	s.from.change(2, "a", "b", "c", "d")
	s.from.work()
	s.carry(s.from, s.to)
	s.to.change(2, "a", "b", "c", "d")
	require.NotEmpty(t, s.to.deviating())
	s.to.work()
	assert.Positive(t, s.from.counters.stats().SentPins)
	assert.Zero(t, s.to.counters.stats().SentPins)
}
