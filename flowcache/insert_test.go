package flowcache

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A shuttle is a table with one pin, which can be moved from bucket to bucket
// and back.
type shuttle struct {
	*Table
	packet Packet
	view   *selector.View
	moves  atomic.Int32
}

func newShuttle(t *testing.T) *shuttle {
	t.Helper()
	table := newTestTable(t, 1000)
	group, err := selector.NewGroup[int](table.config.Domain, selector.GroupConfig{Name: "vip",
		Strategy: selector.Rendezvous{}})
	require.NoError(t, err)
	s, err := group.Update([]selector.Hop[int]{{ID: "a", Weight: 1}})
	require.NoError(t, err)
	const digest = 0x123456789abcdef0
	c := &shuttle{Table: table, packet: Packet{Digest: digest, Flags: hash.ACK, Class: ClassTCP}, view: s.View()}
	require.NotEqual(t, c.home(digest), c.away(tagOf(digest), c.home(digest)))
	worker := NewSticky(table)
	require.Equal(t, Placed, worker.Route(c.packet, c.view, 0).Verdict)
	require.Equal(t, Pinned, worker.Route(c.packet, c.view, 0).Verdict)
	return c
}

// move moves the pin to its other bucket.
func (c *shuttle) move(worker *Sticky) bool {
	at, w := c.find(c.packet.Digest)
	home := c.home(c.packet.Digest)
	away := c.away(w.tag(), home)
	from, to := home, away
	if _, there := c.buckets[home].find(w.tag()); there == 0 {
		from, to = away, home
	}
	if at == nil || &c.buckets[from] == &c.buckets[to] {
		return false
	}
	return worker.relocate(at, w, &c.buckets[to])
}

func (c *shuttle) copies() (n int) {
	for b := range c.buckets {
		for i := range c.buckets[b] {
			if word(c.buckets[b][i].Load()).tag() == tagOf(c.packet.Digest) {
				n++
			}
		}
	}
	return n
}

// while moves the pin to and fro until work is done, which is repeated until
// there were many moves.
func (c *shuttle) while(work func()) {
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for mover := NewSticky(c.Table); !stop.Load(); {
			if c.move(mover) {
				c.moves.Add(1)
			}
		}
	})
	for c.moves.Load() < 200_000 {
		work()
	}
	stop.Store(true)
	wg.Wait()
}

// TestMovingPinIsNeverMissed looks a pin up while another worker moves it to
// and fro.
func TestMovingPinIsNeverMissed(t *testing.T) {
	c := newShuttle(t)
	missed := 0
	c.while(func() {
		for range 100_000 {
			if _, w := c.find(c.packet.Digest); w == 0 {
				missed++
			}
		}
	})
	assert.Zero(t, missed)
	assert.Equal(t, 1, c.copies())
}

// TestMovingPinIsNotImportedAgain imports a pin while another worker moves it to
// and fro: it is there all the time.
func TestMovingPinIsNotImportedAgain(t *testing.T) {
	c := newShuttle(t)
	_, w := c.find(c.packet.Digest)
	importer := NewSticky(c.Table)
	pins := []Pin{{Key: c.KeyOf(c.packet.Digest), Slot: w.slot(), State: EstablishedTCP}}
	var done Imported
	c.while(func() {
		for range 20_000 {
			d := importer.Import(pins, 0)
			done.Added += d.Added
			done.Refused += d.Refused
		}
	})
	assert.Zero(t, done.Added)
	assert.Zero(t, done.Refused)
	assert.Equal(t, 1, c.copies())
}

// TestImportersOfOnePin has two import the same pins at the same time: one that
// was taken back for the other's is not added.
func TestImportersOfOnePin(t *testing.T) {
	const flows, rounds = 2000, 200
	c := newShuttle(t)
	slot := c.view.Slot(0)
	for round := range rounds {
		table, err := NewTable(Config{Domain: c.config.Domain, Flows: 4 * flows})
		require.NoError(t, err)
		var pins [2][]Pin
		for f := range uint64(flows) {
			digest := (f + 1 + uint64(round)*flows) * 0x9e3779b97f4a7c15
			for i, key := range PinKeys(table, digest) {
				pins[i] = append(pins[i], Pin{Key: key, Slot: slot, State: EstablishedTCP})
			}
		}
		var added atomic.Int64
		var wg sync.WaitGroup
		for _, list := range pins {
			wg.Go(func() { added.Add(int64(NewSticky(table).Import(list, 0).Added)) })
		}
		wg.Wait()
		require.EqualValues(t, table.Stats().Inserted, added.Load())
	}
}

// TestWritersAgreeWhichPinGoes pins a flow twice, once by each of its buckets as
// its home, as Import may: one of the two is withdrawn.
func TestWritersAgreeWhichPinGoes(t *testing.T) {
	c := newShuttle(t)
	_, w := c.find(c.packet.Digest)
	home := c.home(c.packet.Digest)
	away := c.away(w.tag(), home)
	withdrawn := 0
	for _, b := range [2][2]int{{home, away}, {away, home}} {
		for _, at := range b {
			for i := range bucketSize {
				c.buckets[at][i].Store(0)
			}
			c.buckets[at][3].Store(uint64(w))
		}
		if c.withdraw(&c.buckets[b[0]][3], w, b[0], b[1]) {
			withdrawn++
		}
		assert.Equal(t, 1, c.copies())
	}
	assert.Equal(t, 1, withdrawn)
}

// TestMovingPinIsChanged refreshes a pin while another worker moves it to and
// fro. A mover that the system suspends in the middle leaves an old copy to be
// seen meanwhile, so time stands still then; in the end there is one pin, with
// the last refresh.
func TestMovingPinIsChanged(t *testing.T) {
	c := newShuttle(t)
	worker, now := NewSticky(c.Table), time.Duration(0)
	refresh := time.Duration(c.clocks.refresh[EstablishedTCP]) * c.clocks.unit(EstablishedTCP)
	moves, last := int32(-1), time.Duration(0)
	c.while(func() {
		for range 50_000 {
			if n := c.moves.Load(); n != moves {
				moves, last = n, now+3*refresh
			}
			now = min(now+refresh, last)
			worker.Route(c.packet, c.view, now)
		}
	})
	require.Equal(t, 1, c.copies())
	_, w := c.find(c.packet.Digest)
	assert.Less(t, c.clocks.age(w, &worker.now), c.clocks.refresh[EstablishedTCP])
	assert.Equal(t, 1, c.Pins(c.view.Slot(0)))
}

// TestWhatChangesDuringAMoveWins makes each thing that can happen to a pin
// between its copy and its end.
func TestWhatChangesDuringAMoveWins(t *testing.T) {
	const tag = 0x123456789
	table := newTestTable(t, 1000)
	table.note(10)
	before, after := wordOf(tag, 1, 0, Probation), wordOf(tag, 1, 5, Closing)
	elsewhere, later := wordOf(tag+1, 1, 0, Probation), wordOf(tag, 1, 6, Closing)
	for name, tt := range map[string]struct {
		original, copied         word // as the mover finds them
		wantOriginal, wantCopied word
		made                     bool
	}{
		"nothing":         {original: before, copied: before, wantCopied: before, made: true},
		"touched":         {original: after, copied: before, wantCopied: after, made: true},
		"swept":           {original: 0, copied: before, made: true},
		"pushed out":      {original: elsewhere, copied: before, wantOriginal: elsewhere},
		"copy used":       {original: elsewhere, copied: after, wantOriginal: elsewhere, wantCopied: after},
		"copy touched":    {original: before, copied: after, wantCopied: after, made: true},
		"copy pushed out": {original: after, copied: elsewhere, wantOriginal: after, wantCopied: elsewhere},
		"both touched":    {original: wordOf(tag, 1, 4, Closing), copied: after, wantCopied: after, made: true},
		"original later":  {original: later, copied: after, wantCopied: later, made: true},
	} {
		t.Run(name, func(t *testing.T) {
			var original, copied atomic.Uint64
			original.Store(uint64(tt.original))
			copied.Store(uint64(tt.copied))
			assert.Equal(t, tt.made, table.finish(&original, &copied, before))
			assert.Equal(t, tt.wantOriginal, word(original.Load()))
			assert.Equal(t, tt.wantCopied, word(copied.Load()))
		})
	}
}

// TestVoidPinsStayWhereTheyAre fills a bucket with pins of members that left.
func TestVoidPinsStayWhereTheyAre(t *testing.T) {
	table := newTestTable(t, 1000)
	worker := NewSticky(table)
	for i := range bucketSize {
		table.buckets[5][i].Store(uint64(wordOf(uint64(i)+1, 7, 0, EstablishedTCP)))
	}
	assert.False(t, worker.makeRoom(5, 5, 1, occupied))
	for i := range bucketSize {
		assert.NotZero(t, table.buckets[5][i].Load())
	}
}

// TestNoMoveWhereTheFlowHasAnotherPin leaves a pin that two workers made twice
// to the one of them that withdraws it.
func TestNoMoveWhereTheFlowHasAnotherPin(t *testing.T) {
	c := newShuttle(t)
	at, w := c.find(c.packet.Digest)
	other := &c.buckets[c.away(w.tag(), c.home(c.packet.Digest))]
	other[7].Store(uint64(w))
	assert.False(t, NewSticky(c.Table).relocate(at, w, other))
	assert.Equal(t, 2, c.copies())
}

func TestMatchSeesEveryPlace(t *testing.T) {
	for place := range bucketSize {
		var b bucket
		for i := range b {
			b[i].Store(uint64(wordOf(uint64(100+i), 3, 4, Closing)))
		}
		w := wordOf(7, 1, 2, Established)
		b[place].Store(uint64(w))
		assert.Equal(t, w, b.match(7))
		assert.Zero(t, b.match(8))
		at, found := b.find(7)
		assert.Same(t, &b[place], at)
		assert.Equal(t, w, found)
	}
}
