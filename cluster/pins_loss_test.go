package cluster

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

// TestLossIsRepaired loses a tenth of all messages, whichever they are, in
// virtual time: every pin arrives, and little is sent twice.
func TestLossIsRepaired(t *testing.T) {
	racecheck.OneGoroutine(t)
	for seed := range uint64(5) {
		s := newSharing(t)
		s.from, s.to = s.gateway("from", PinsConfig{Batch: 16}), s.gateway("to", PinsConfig{Batch: 16})
		s.settle()
		members := s.pinned(8000)
		random := rand.New(rand.NewPCG(seed, 1))
		lossy := func(from, to *carried) {
			sent := from.sent
			from.sent = nil
			for _, m := range sent {
				if random.Float64() >= 0.1 {
					require.NoError(t, to.receive(m))
				}
			}
		}
		began := s.now
		for len(s.to.deviating()) < len(members) {
			require.Less(t, s.now-began, 3*time.Second, "%d of %d pins came", len(s.to.deviating()), len(members))
			s.from.work()
			s.to.work()
			s.now += time.Millisecond
			lossy(s.from, s.to)
			lossy(s.to, s.from)
		}
		stats := s.from.counters.stats()
		assert.Greater(t, stats.SentPins, uint64(len(members)), "some were lost")
		assert.LessOrEqual(t, stats.SentPins, uint64(len(members))*6/5)
		t.Logf("%d pins: complete after %v, sent %.3f times", len(members), s.now-began,
			float64(stats.SentPins)/float64(len(members)))
	}
}

// TestMemoryIsBoundedWhilePeersAreGone changes a group again and again while
// nothing that is sent arrives anywhere, and the other gateway says nothing.
func TestMemoryIsBoundedWhilePeersAreGone(t *testing.T) {
	racecheck.OneGoroutine(t)
	s := newSharing(t)
	s.settle()
	s.pinned(500)
	s.from.sharer.send = func(string, []byte) {}
	require.Len(t, s.from.sharer.order, 1)
	ids := [][]string{{"a", "b", "c"}, {"a", "b", "c", "d"}}
	for i := range uint64(400) {
		s.from.change(3+i, ids[i%2]...)
		for f := range uint64(20) {
			_, _ = s.from.packet(1<<20+20*i+f, 2)
		}
		s.from.sharer.step(s.from.instant())
		s.now += time.Second
		require.LessOrEqual(t, len(s.from.shared.scans), 5)
	}
	assert.Empty(t, s.from.sharer.order, "the gateway that is silent is forgotten")
	assert.Empty(t, s.from.sharer.peers)
	assert.LessOrEqual(t, len(s.from.shared.young), 2)
	s.from.work()
	assert.Empty(t, s.from.shared.scans)
	assert.LessOrEqual(t, len(s.from.sharer.free), 3)

	// One that asks and asks is answered at its turn, and no more than so much.
	s.now += time.Second
	for n := range uint32(3 * maxAnswers) {
		s.from.sharer.answer(s.from.shared, "to", span{scanAll, n % 1000, n%1000 + 1 + n/1000}, s.from.instant())
	}
	assert.Len(t, s.from.shared.answers, maxAnswers)
	assert.Positive(t, s.from.counters.stats().DroppedAsks)
}

// TestBytesAreBoundedWhilePeersAreGone looks at the memory that is in use while
// many times as much is sent to a gateway that does not hear it.
func TestBytesAreBoundedWhilePeersAreGone(t *testing.T) {
	racecheck.OneGoroutine(t)
	const most = 128 << 10
	s := newSharing(t)
	s.settle()
	s.pinned(500)
	s.from.sharer.send = func(string, []byte) {}
	ids := [][]string{{"a", "b", "c"}, {"a", "b", "c", "d"}}
	version, flow := uint64(3), uint64(1<<20)
	rounds := func(n int) (inUse, sent uint64) {
		before := s.from.counters.stats().SentBytes
		for range n {
			s.from.change(version, ids[version%2]...)
			for range 200 {
				_, _ = s.from.packet(flow, hash.SYN)
				_, _ = s.from.packet(flow, hash.ACK)
				flow++
			}
			s.now += collectEvery
			s.from.work()
			s.from.table.Sweep(s.now)
			s.now += time.Second
			version++
		}
		runtime.GC()
		runtime.GC() // the first one leaves pools what they have, as a scan's blocks
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc, s.from.counters.stats().SentBytes - before
	}
	at, _ := rounds(200)
	then, sent := rounds(800)
	require.Greater(t, sent, uint64(3*most))
	assert.Less(t, then, at+most, "%d bytes were sent meanwhile", sent)
	t.Logf("%d bytes in use, then %d; %d bytes were sent meanwhile", at, then, sent)
}

// TestLongAnswersAreAskedForOnce has an answer take longer than the time after
// which what does not come is asked for again: it is, if a part of it got lost,
// and no more than that.
func TestLongAnswersAreAskedForOnce(t *testing.T) {
	const batch = 16
	for _, loses := range []bool{false, true} {
		s := newSharing(t)
		s.from, s.to = s.gateway("from", PinsConfig{Batch: batch}), s.gateway("to", PinsConfig{Batch: batch})
		s.settle()
		asked, again := s.to.counters.stats().Asks, s.from.counters.stats().SentAgain
		members := s.pinned(4000)
		s.from.work()
		s.from.sent = nil // all of it gets lost
		var line []carriedMessage
		came := 0
		for began := s.now; len(s.to.deviating()) < len(members); s.now += 10 * time.Millisecond {
			require.Less(t, s.now-began, 10*time.Second)
			s.from.work()
			line, s.from.sent = append(line, s.from.sent...), nil
			for _, m := range line[:min(2, len(line))] { // the line is slow
				if came++; !loses || came != 30 {
					require.NoError(t, s.to.receive(m))
				}
			}
			line = line[min(2, len(line)):]
			s.to.work()
			s.carry(s.to, s.from)
		}
		require.Greater(t, came, 60)
		asked, again = s.to.counters.stats().Asks-asked, s.from.counters.stats().SentAgain-again
		if loses {
			assert.LessOrEqual(t, asked, uint64(4), "the line is longer than some waits")
			assert.LessOrEqual(t, again, uint64(len(members)+3*(batch+bucketSize)))
			assert.Greater(t, again, uint64(len(members)))
		} else {
			assert.EqualValues(t, 1, asked)
			assert.EqualValues(t, len(members), again)
		}
	}
}

// bucketSize is how many pins a bucket of a table has room for.
const bucketSize = 8

// TestWhatIsToBeSentIsNotSentTwice asks for parts of an answer under way.
func TestWhatIsToBeSentIsNotSentTwice(t *testing.T) {
	s := newSharing(t)
	ask := func(from, to uint32) {
		s.from.sharer.answer(s.from.shared, "to", span{scanAll, from, to}, s.from.instant())
	}
	ranges := func() (list [][2]int) {
		for _, a := range s.from.shared.answers {
			list = append(list, [2]int{a.from, a.to})
		}
		return list
	}
	ask(100, 900)
	ask(100, 900)
	ask(300, 900)
	assert.Equal(t, [][2]int{{100, 900}}, ranges())
	s.from.shared.answers[0].from = 500 // so far it is scanned
	ask(400, 600)
	ask(50, 900)
	assert.Equal(t, [][2]int{{500, 900}, {400, 500}, {50, 400}}, ranges())
	ask(500, 950)
	assert.Equal(t, [2]int{500, 950}, ranges()[3], "of this, some is not to be sent")
}

// TestGapsAreBounded: who has missed too much asks for all.
func TestGapsAreBounded(t *testing.T) {
	c := coverage{buckets: 100_000}
	c.begin(firstScan, 0, true, 0)
	for b := uint32(0); b < 5*maxGaps; b += 2 {
		c.took(span{firstScan, b, b + 1}, 0)
	}
	assert.LessOrEqual(t, len(c.gaps), maxGaps)
	assert.Contains(t, c.gaps, gap{span{scanAll, 0, 100_000}, retryFrom(0)})
	assert.False(t, c.covered(firstScan))

	// An answer in the middle of a gap makes two of it.
	for _, missed := range []int{1, maxGaps} {
		c = coverage{buckets: 100_000}
		for n := range missed {
			c.miss(span{uint64(firstScan + n), 0, 100_000}, 0)
		}
		for b := uint32(1); b < 5*maxGaps; b += 2 {
			c.took(span{firstScan, b, b + 1}, time.Second)
			require.LessOrEqual(t, len(c.gaps), maxGaps)
		}
		assert.Contains(t, c.gaps, gap{span{scanAll, 0, 100_000}, retryFrom(time.Second)})
		assert.False(t, c.covered(firstScan))
	}
}

// TestCoverage tells what was missed from what came.
func TestCoverage(t *testing.T) {
	c := coverage{buckets: 100}
	spans := func() (list []span) {
		for _, g := range c.gaps {
			list = append(list, g.span)
		}
		return list
	}
	c.begin(0, 0, true, 0)
	c.took(span{9, 40, 100}, 0)
	assert.Equal(t, []span{{scanAll, 0, 100}, {9, 0, 40}}, spans(), "older scans are in what all is")
	c = coverage{buckets: 100}
	c.begin(5, 100, false, 0)
	assert.Equal(t, []span{{scanSeen, 0, 100}}, spans())
	c.took(span{scanSeen, 0, 100}, 0)
	assert.Empty(t, spans())
	assert.True(t, c.covered(5))
	c.took(span{6, 20, 30}, 0)
	c.took(span{6, 40, 50}, 0)
	assert.Equal(t, []span{{6, 0, 20}, {6, 30, 40}}, spans())
	c.took(span{6, 5, 10}, 0)
	assert.Equal(t, []span{{6, 30, 40}, {6, 0, 5}, {6, 10, 20}}, spans())
	c.reached(6, 100, 0)
	assert.Contains(t, spans(), span{6, 50, 100})
	for _, missing := range spans() {
		assert.False(t, c.covered(6))
		c.took(missing, 0)
	}
	assert.True(t, c.covered(6))
	c.reached(9, 10, 0)
	assert.ElementsMatch(t, []span{{7, 0, 100}, {8, 0, 100}, {9, 0, 10}}, spans())
	c.reached(4, 100, 0)
	assert.Len(t, spans(), 3, "an old scan tells nothing")
}

// TestLastNumberOfPlacedFlows takes the greatest number that there is.
func TestLastNumberOfPlacedFlows(t *testing.T) {
	const last uint64 = 1<<64 - 1
	p := &peerGroup{placed: 7}
	p.notePlaced(&pinsMessage{pinsHeader: pinsHeader{kind: kindBeat, placed: last}}, 0)
	require.Len(t, p.lost, sentPlaced)
	assert.Equal(t, last-sentPlaced+1, p.lost[0].number)
	assert.Equal(t, last, p.lost[sentPlaced-1].number)
}

// TestLostFlowsOfATransition asks for messages about placed flows by number.
func TestLostFlowsOfATransition(t *testing.T) {
	s := newSharing(t)
	s.from.change(2, "a", "b", "c", "d")
	s.to.change(2, "a", "b", "c", "d")
	s.settle()
	want := make(map[uint64]string)
	for f := range uint64(300) {
		want[f], _ = s.from.packet(f, 2)
		s.now += 2 * collectEvery
		s.from.work()
		if f%3 == 0 {
			s.from.sent = nil // lost
		}
		s.carry(s.from, s.to)
		s.to.work()
		s.carry(s.to, s.from)
	}
	s.settle()
	assert.Positive(t, s.from.counters.stats().SentAgain)
	of := s.to.sharer.peers["from"].groups["vip"]
	assert.Empty(t, of.lost)
	v := s.to.group.Load().View()
	differ := 0
	for f, m := range want {
		i, _ := v.Index(m)
		if before := v.Previous(); before.Member(before.Unmarked(mixFlow(f))).ID == m && v.Unmarked(mixFlow(f)) == i {
			continue
		}
		differ++
		got, verdict := s.to.packet(f, 16)
		require.Equal(t, m, got)
		require.Equal(t, "pinned", verdict.String())
	}
	assert.Positive(t, differ)
}
