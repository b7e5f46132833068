package flowcache_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

const flows = 2000

func TestAddingMovesNoFlow(t *testing.T) {
	for name, before := range map[string][]string{"three to four": {"a", "b", "c"}, "one to many": {"a"}} {
		t.Run(name, func(t *testing.T) {
			r := newRouter(t, flowcache.Config{}, before...)
			member := make(map[uint64]string)
			for f := range uint64(flows) {
				member[f] = r.connect(f)
			}
			r.set(selector.Equal("a", "b", "c", "d")...)
			for f, m := range member {
				r.expect(f, hash.ACK, m, flowcache.Pinned)
			}
			newcomer := 0
			for f := range uint64(flows) {
				if m, v := r.tcp(flows+f, hash.SYN); m == "d" && v == flowcache.Placed {
					newcomer++
				}
			}
			assert.InDelta(t, flows/4, newcomer, 100, "new flows reach the new member")
		})
	}
}

func TestRemovalMovesOnlyItsFlowsAndReportsEachOnce(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b", "c", "d")
	member := make(map[uint64]string)
	for f := range uint64(flows) {
		member[f] = r.connect(f)
	}
	r.set(selector.Equal("b", "c", "d")...)
	moved := uint64(0)
	for f, old := range member {
		if old != "a" {
			r.expect(f, hash.ACK, old, flowcache.Pinned)
			continue
		}
		m, v := r.tcp(f, hash.ACK)
		require.Equal(t, flowcache.Moved, v)
		require.NotEqual(t, "a", m)
		r.expect(f, hash.ACK, m, flowcache.Pinned)
		moved++
	}
	assert.Positive(t, moved)
	assert.Equal(t, moved, r.table.Stats().Moved)
}

func TestDrainKeepsFlowsAndTakesNoNewOnes(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b")
	member := make(map[uint64]string)
	for f := range uint64(flows) {
		member[f] = r.connect(f)
	}
	v := r.set(selector.Member{ID: "a", Weight: 0}, selector.Member{ID: "b", Weight: 1})
	held := 0
	for f, m := range member {
		r.expect(f, hash.ACK, m, flowcache.Pinned)
		if m == "a" {
			held++
		}
	}
	for f := range uint64(flows) {
		r.expect(flows+f, hash.SYN, "b", flowcache.Placed)
	}
	assert.Equal(t, held, r.table.Pins(v.Slot(0)), "flows left on the draining member")

	r.set(selector.Equal("a", "b")...)
	for f, m := range member {
		r.expect(f, hash.ACK, m, flowcache.Pinned)
	}
}

func TestWhollyDrainedEmptiedAndFilledAgain(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b")
	m := r.connect(1)
	r.set(selector.Member{ID: "a"}, selector.Member{ID: "b"})
	r.expect(1, hash.ACK, m, flowcache.Pinned)
	r.expect(2, hash.SYN, "", flowcache.NoMember)

	r.set()
	r.expect(1, hash.ACK, "", flowcache.NoMember)
	r.expect(2, hash.SYN, "", flowcache.NoMember)

	r.set(selector.Equal("c")...)
	r.expect(1, hash.ACK, "c", flowcache.Moved)
	r.expect(1, hash.ACK, "c", flowcache.Pinned)
	r.expect(2, hash.SYN, "c", flowcache.Placed)
}

// TestMemberThatComesBack has a route that flaps: flows without a packet
// meanwhile go on, the others move once and stay where they are. A pod that was
// replaced under the same name is another member.
func TestMemberThatComesBack(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	r.connect(1)
	r.connect(2)
	for range 3 {
		r.set(selector.Equal("b")...)
		r.wait(100 * time.Millisecond)
		r.set(selector.Equal("a")...)
	}
	r.expect(1, hash.ACK, "a", flowcache.Pinned)
	r.set(selector.Equal("b")...)
	r.expect(2, hash.ACK, "b", flowcache.Moved)
	r.set(selector.Equal("a", "b")...)
	r.expect(1, hash.ACK, "a", flowcache.Pinned)
	r.expect(2, hash.ACK, "b", flowcache.Pinned)
	assert.Equal(t, 2, r.domain.SlotStats().InUse)

	_, err := r.group.Update([]selector.Hop[string]{{ID: "a", Weight: 1, Incarnation: 1}})
	require.NoError(t, err)
	r.expect(1, hash.ACK, "a", flowcache.Moved)
}

func TestDownMemberIsDetouredAndReturns(t *testing.T) {
	r := newRouter(t, flowcache.Config{DownGrace: 20 * time.Second}, "a", "b")
	m := r.connect(1)
	other := map[string]string{"a": "b", "b": "a"}[m]
	r.domain.Mark(m).SetDown(true)
	r.expect(1, hash.ACK, other, flowcache.Detoured)
	r.wait(20 * time.Second)
	r.expect(1, hash.ACK, other, flowcache.Detoured)
	r.domain.Mark(m).SetDown(false)
	r.expect(1, hash.ACK, m, flowcache.Pinned)
	assert.EqualValues(t, 2, r.table.Stats().Detoured)

	r.domain.Mark(m).SetDown(true)
	r.wait(25*time.Second + 2*time.Second)
	r.expect(1, hash.ACK, other, flowcache.Moved)
	r.domain.Mark(m).SetDown(false)
	r.expect(1, hash.ACK, other, flowcache.Pinned)
}

func TestEveryMemberDown(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a", "b")
	m := r.connect(1)
	for _, id := range []string{"a", "b"} {
		r.domain.Mark(id).SetDown(true)
	}
	r.expect(1, hash.ACK, "", flowcache.NoMember)
	r.expect(2, hash.SYN, "", flowcache.NoMember)
	r.domain.Mark(m).SetDown(false)
	r.expect(1, hash.ACK, m, flowcache.Pinned)
}

// life is a flow's packets and waits, and whether its pin lives on at the end.

func TestStatesAndTimeouts(t *testing.T) {
	const syn, ack, fin, rst = hash.SYN, hash.ACK, hash.FIN, hash.RST
	type step struct {
		wait  time.Duration
		flags hash.TCPFlags
	}
	tests := []struct {
		name   string
		proto  uint8
		steps  []step
		pinned bool // does the last packet find the pin?
	}{
		{"probation lasts", 6, []step{{0, syn}, {8 * time.Second, ack}}, true},
		{"probation ends", 6, []step{{0, syn}, {9 * time.Second, ack}}, false},
		{"a repeated SYN does not promote, nor refresh", 6, []step{{0, syn}, {4 * time.Second, syn},
			{5 * time.Second, ack}}, false},
		{"SYN and ACK together do not promote", 6, []step{{0, syn}, {4 * time.Second, syn | ack},
			{5 * time.Second, ack}}, false},
		{"a connection in mid-life is adopted", 6, []step{{0, ack}, {340 * time.Second, ack}, {350 * time.Second, ack}},
			true},
		{"an adopted one ends", 6, []step{{0, ack}, {351 * time.Second, ack}}, false},
		{"what else an adopted one sends does not refresh it", 6, []step{{0, ack}, {200 * time.Second, syn | ack},
			{151 * time.Second, ack}}, false},
		{"a SYN does not refresh", 6, []step{{0, syn}, {0, ack}, {300 * time.Second, syn},
			{gone - 300*time.Second, ack}}, false},
		{"a later ACK promotes", 6, []step{{0, syn}, {0, ack}, {350 * time.Second, ack}}, true},
		{"established refreshes", 6, []step{{0, syn}, {0, ack}, {300 * time.Second, ack}, {300 * time.Second, ack}},
			true},
		{"established ends", 6, []step{{0, syn}, {0, ack}, {gone, ack}}, false},
		{"closing by FIN lasts", 6, []step{{0, syn}, {0, ack}, {0, fin | ack}, {60 * time.Second, ack}}, true},
		{"closing refreshes", 6, []step{{0, syn}, {0, ack}, {0, fin | ack}, {59 * time.Second, ack},
			{59 * time.Second, ack}}, true},
		{"closing by FIN ends", 6, []step{{0, syn}, {0, ack}, {0, fin | ack}, {70 * time.Second, ack}}, false},
		{"closing by RST ends", 6, []step{{0, syn}, {0, ack}, {0, rst}, {70 * time.Second, ack}}, false},
		{"an ACK does not reopen", 6, []step{{0, syn}, {0, ack}, {0, rst}, {0, ack}, {70 * time.Second, ack}}, false},
		{"UDP is promoted", 17, []step{{0, 0}, {2 * time.Second, 0}, {30 * time.Second, 0}}, true},
		{"UDP not yet promoted", 17, []step{{0, 0}, {1 * time.Second, 0}, {9 * time.Second, 0}}, false},
		{"UDP ends", 17, []step{{0, 0}, {2 * time.Second, 0}, {36 * time.Second, 0}}, false},
		{"TCP of a coarse key is promoted by age", 6, []step{{0, 0}, {2 * time.Second, 0}, {350 * time.Second, 0}},
			true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRouter(t, flowcache.Config{}, "a", "b", "c")
			var verdict flowcache.Verdict
			for _, s := range tt.steps {
				r.wait(s.wait)
				_, verdict = r.send(packet(r.view(), 1, tt.proto, s.flags))
			}
			want := flowcache.Placed
			if tt.pinned {
				want = flowcache.Pinned
			}
			assert.Equal(t, want, verdict)
		})
	}
}

func TestSYNOnClosingPinStartsANewFlow(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	r.connect(1)
	r.set(selector.Member{ID: "a"}, selector.Member{ID: "b", Weight: 1})
	r.expect(1, hash.FIN|hash.ACK, "a", flowcache.Pinned)
	for _, garbage := range []hash.TCPFlags{hash.ACK, hash.SYN | hash.FIN, hash.SYN | hash.RST} {
		r.expect(1, garbage, "a", flowcache.Pinned)
	}
	r.expect(1, hash.SYN, "b", flowcache.Placed)
	r.expect(1, hash.ACK, "b", flowcache.Pinned)
}

func TestLookupOnlyLeavesNoTrace(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	lookup := func(flow uint64, member string, verdict flowcache.Verdict) {
		t.Helper()
		p := packet(r.view(), flow, 6, hash.RST|hash.ACK)
		p.Mode = flowcache.LookupOnly
		m, v := r.send(p)
		assert.Equal(t, verdict, v)
		assert.Equal(t, member, m)
	}
	lookup(1, "a", flowcache.Unpinned)
	lookup(1, "a", flowcache.Unpinned)
	r.connect(1)
	r.set(selector.Member{ID: "a"}, selector.Member{ID: "b", Weight: 1})
	lookup(1, "a", flowcache.Pinned)
	r.wait(350 * time.Second)
	lookup(1, "a", flowcache.Pinned) // did not close, and does not refresh:
	r.wait(gone - 350*time.Second)
	lookup(1, "b", flowcache.Unpinned)

	r.connect(2)
	r.set(selector.Equal("c")...)
	lookup(2, "c", flowcache.Unpinned)
	r.expect(2, hash.ACK, "c", flowcache.Moved) // the report was not taken by a look-up
}

func TestOlderViewNeverVoidsANewerPin(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	old := r.view()
	r.set(selector.Member{ID: "a"}, selector.Member{ID: "b", Weight: 1})
	require.Equal(t, "b", r.connect(1))
	m, v := r.send(packet(old, 1, 6, hash.ACK))
	assert.Equal(t, flowcache.Unpinned, v)
	assert.Equal(t, "a", m)
	r.expect(1, hash.ACK, "b", flowcache.Pinned)
}

func TestOlderViewPinsNobodyToAMemberThatLeft(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	old := r.view()
	r.set(selector.Equal("b")...)
	for range 2 {
		m, v := r.send(packet(old, 1, 6, hash.SYN))
		assert.Equal(t, flowcache.Unpinned, v)
		assert.Equal(t, "a", m)
	}
	assert.Zero(t, r.table.Pins(old.Slot(0)))
	r.expect(1, hash.SYN, "b", flowcache.Placed)
}

// TestWorkerWhoseClockStepsBack counts from its new time on.
func TestWorkerWhoseClockStepsBack(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	r.connect(1)
	r.now -= 100 * second
	r.connect(2)
	r.wait(60 * time.Second)
	ages := make(map[time.Duration]int)
	for p := range r.table.All(r.now) {
		ages[p.Age]++
	}
	assert.Equal(t, map[time.Duration]int{60 * time.Second: 1, 0: 1}, ages, "the first is ahead still")
}

func TestClockOfAnotherWorkerAheadDoesNotExpirePins(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	r.connect(1)
	r.now -= 5 * second
	r.expect(1, hash.ACK, "a", flowcache.Pinned)
}
