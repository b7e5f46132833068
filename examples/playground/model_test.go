package main

import (
	"encoding/json"
	"testing"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What is drawn agrees with the numbers, cell for cell, and the numbers with
// selector's own Diff of the two last lists.
func TestCellsAgreeWithDiff(t *testing.T) {
	lists := [][]selector.Member{
		selector.Equal("a", "b", "c", "d"), selector.Equal("a", "b", "d"),
		{{ID: "a", Weight: 3}, {ID: "b", Weight: 1}, {ID: "d", Weight: 0}, {ID: "e", Weight: 2}},
	}
	for _, s := range []selector.Strategy{
		selector.Bounded{Slots: 256}, selector.Maglev{Size: 251}, selector.Resilient{Buckets: 300},
	} {
		for n := 1; n <= len(lists); n++ {
			m, err := play(s, lists[:n])
			require.NoError(t, err)
			cells, every := m.cells()
			assert.True(t, every)
			var forced, collateral int
			for i, c := range cells {
				assert.Equal(t, m.now.Member(m.now.Selector().(selector.Tabled).Owner(i)).ID, c.Member)
				switch c.Move {
				case "forced":
					forced++
				case "collateral":
					collateral++
				}
			}
			assert.Equal(t, m.change.Forced, forced, "%s", s)
			assert.Equal(t, m.change.Collateral, collateral, "%s", s)
			if n > 1 {
				assert.Equal(t, m.now.Diff(m.last), m.change)
				assert.Positive(t, m.change.Moved)
				assert.Equal(t, len(cells), m.change.Hashes)
			}
		}
	}
}

func TestRunningNumbers(t *testing.T) {
	p := show("strategy=bounded&slots=256&members=a:1,b:1,c:1,d:1&members=a:1,b:1,c:1&members=a:1,b:1,c:1,d:1")
	require.Empty(t, p.Error)
	assert.InDelta(t, 0.25, p.Change.Due, 1e-9)
	assert.InDelta(t, 0.5, p.Sum.Due, 1e-9)
	assert.InDelta(t, p.Sum.Moved, p.Sum.Forced+p.Sum.Collateral, 1e-9)
	assert.GreaterOrEqual(t, p.Sum.Moved, 2*p.Change.Forced)
	assert.InDelta(t, 1, p.Peak, 0.06)
	assert.Contains(t, p.Summary, "It had to move 25.0 %")
}

// A member has its own share, in whichever order the members are given.
func TestSharesInOrder(t *testing.T) {
	p := show("strategy=maglev&members=z:3,a:0,m:1")
	require.Len(t, p.Shares, 3)
	assert.InDeltaSlice(t, []float64{0.75, 0, 0.25}, p.Shares, 0.001)
	assert.InDeltaSlice(t, []float64{0.75, 0, 0.25}, p.Due, 0.001)
}

// Every strategy that the page offers shows something, drained members or all.
func TestEveryStrategy(t *testing.T) {
	for _, name := range catalog.Names() {
		for _, members := range []string{
			"a:1,b:1&members=a:1,b:0", "a:1&members=a:0", "a:1&members=a:1,b:1&members=b:1",
		} {
			p := show("strategy=" + name + "&members=" + members)
			assert.Empty(t, p.Error, name)
			assert.NotEmpty(t, p.Cells, name)
			_, err := json.Marshal(p)
			assert.NoError(t, err, name)
		}
	}
}

func TestErrorsAreAtTheirField(t *testing.T) {
	for _, c := range []struct{ fragment, field, says string }{
		{"strategy=magic&members=a:1", "strategy", "magic"},
		{"strategy=bounded&slots=100&members=a:1", "slots", "100"},
		{"strategy=bounded&slots=many&members=a:1", "slots", "many"},
		{"strategy=maglev&slots=100&members=a:1", "slots", "100"},
		{"strategy=bounded&slack=much&members=a:1", "slack", "much"},
		{"strategy=bounded&members=a:1,a:1", "members", "duplicate"},
		{"strategy=bounded&members=:1", "members", "empty"},
		{"strategy=bounded&members=a:-1", "members", "whole number"},
		{"strategy=anchor&members=a:1,b:2", "members", "unequal"},
		{"strategy=bounded", "members", "link"},
		{"%", "members", "link"},
	} {
		p := show(c.fragment)
		assert.Equal(t, c.field, p.Field, "%s: %s", c.fragment, p.Error)
		assert.Contains(t, p.Error, c.says)
	}
}

// A link restores the state that it was made from, whatever the IDs hold.
func FuzzLink(f *testing.F) {
	f.Add("bounded", "256", "0.05", "pod1", "<b>,:&\"%", uint32(7))
	f.Add("", "", "", "", "\x00\xff", uint32(0))
	f.Fuzz(func(t *testing.T, strategy, slots, slack, a, b string, weight uint32) {
		s := state{strategy: strategy, slots: slots, slack: slack, lists: [][]selector.Member{
			{{ID: a, Weight: weight}}, {{ID: a, Weight: 1}, {ID: b, Weight: weight}}, nil,
		}}
		got, err := parseState(s.String())
		require.NoError(t, err)
		assert.Equal(t, s, got)
	})
}

// No link makes the page fail.
func FuzzShow(f *testing.F) {
	f.Add(initial)
	f.Add("strategy=maglev&slots=7&members=a:1,b:0&members=")
	f.Fuzz(func(t *testing.T, fragment string) {
		if s, err := parseState(fragment); err == nil && len(s.slots) > 4 {
			t.Skip("large tables take long")
		}
		p := show(fragment)
		if _, err := json.Marshal(p); err != nil {
			t.Fatal(err)
		}
		assert.Equal(t, p.Error == "", p.Field == "")
	})
}
