package suite

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/sections"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

func TestEvents(t *testing.T) {
	for _, n := range subject.Sizes() {
		for _, e := range events() {
			if e.series {
				continue
			}
			before := subject.Set(3).Members(n, e.weight)
			for after := range e.apply(before, drawn(3)) {
				left, joined, weights := difference(before, after)
				want := map[string][3]int{
					"add": {0, 1, 0}, "remove": {1, 0, 0}, "remove-first": {1, 0, 0}, "remove-last": {1, 0, 0},
					"remove10pct": {n / 10, 0, 0}, "add10pct": {0, n / 10, 0}, "replace": {1, 1, 0},
					"drain": {0, 0, 1}, "weight": {0, 0, 1}, "weight1pct": {0, 0, 1},
				}
				got := [3]int{left, joined, weights}
				assert.Equal(t, want[e.name], got, "%s of %d: who left, joined, changed their weight", e.name, n)
				assert.Equal(t, e.weights, weights > 0, e.name)
			}
			assert.Equal(t, subject.Set(3).Members(n, e.weight), before, "%s leaves what it was given", e.name)
		}
	}
}

func TestSeriesOfChanges(t *testing.T) {
	const n = 10
	all := subject.Set(3).Members(n, 1)
	before, steps := all, 0
	for after := range rollingRestart(all, drawn(3)) {
		left, joined, _ := difference(before, after)
		assert.Equal(t, [2]int{1 - steps%2, steps % 2}, [2]int{left, joined})
		before, steps = slices.Clone(after), steps+1
	}
	assert.Equal(t, 2*n, steps)
	assert.Equal(t, all, before, "all are back")

	before, steps = all, 0
	for after := range rollingUpgrade(all, drawn(3)) {
		left, joined, _ := difference(before, after)
		assert.Equal(t, [2]int{1, 1}, [2]int{left, joined})
		before, steps = slices.Clone(after), steps+1
	}
	assert.Equal(t, n, steps)
	left, joined, _ := difference(all, before)
	assert.Equal(t, [2]int{n, n}, [2]int{left, joined}, "none is of the old names")

	before, steps = all, 0
	for after := range ramp(all, drawn(3)) {
		_, joined, weights := difference(before, after)
		assert.Equal(t, 1, joined+weights)
		before, steps = after, steps+1
	}
	assert.Equal(t, 10, steps)
	assert.Equal(t, uint32(10), before[n].Weight)

	before, steps = all, 0
	for after := range churn(all, drawn(3)) {
		left, joined, weights := difference(before, after)
		require.Equal(t, 1, left+joined)
		require.Zero(t, weights)
		require.GreaterOrEqual(t, len(after), 7)
		require.LessOrEqual(t, len(after), 13)
		require.NoError(t, selector.Validate(after))
		before, steps = slices.Clone(after), steps+1
	}
	assert.Equal(t, 1000, steps)
}

func TestSurvivors(t *testing.T) {
	all := subject.Set(1).Members(100, 1)
	for _, gone := range []int{10, 50, 90} {
		left := survivors(all, 1, gone)
		assert.Len(t, left, 100-gone)
		lost, joined, _ := difference(all, left)
		assert.Equal(t, [2]int{gone, 0}, [2]int{lost, joined})
	}
	assert.NotEqual(t, survivors(all, 1, 50), survivors(all, 2, 50))
}

func difference(before, after []selector.Member) (left, joined, weights int) {
	was := map[string]uint32{}
	for _, m := range before {
		was[m.ID] = m.Weight
	}
	for _, m := range after {
		weight, stayed := was[m.ID]
		switch {
		case !stayed:
			joined++
		case weight != m.Weight:
			weights++
		}
		delete(was, m.ID)
	}
	return len(was), joined, weights
}

// TestTexts wants a text of every suite, and no other.
func TestTexts(t *testing.T) {
	for _, s := range All() {
		assert.NotEmpty(t, s.Text.About, s.Name)
		assert.NotEmpty(t, s.Text.LeftOut, s.Name)
	}
	assert.Len(t, sections.Parse(texts), len(All()))
}

func TestHeld(t *testing.T) {
	const size = 1 << 20
	got, err := Held(func() (any, error) { return make([]byte, size), nil })
	require.NoError(t, err)
	assert.InEpsilon(t, size, got, .05)
}

// TestFigures runs the small cases of every suite and wants what they place
// twice alike: it is what two reports must agree on.
func TestFigures(t *testing.T) {
	size := Brief()
	size.Draws, size.Scenarios = 2, nil
	for _, s := range All() {
		names := map[string]bool{}
		for _, c := range s.Cases(size) {
			require.False(t, names[c.Name], "%s/%s is there twice", s.Name, c.Name)
			require.NotContains(t, c.Name, " ")
			names[c.Name] = true
			if (s.Name == "Remap" || s.Name == "Changes") && !strings.Contains(c.Name, "event=replace") {
				continue // many
			}
			if s.Name == "Scenario" && !strings.Contains(c.Name, "event=drain/policy=sticky-350s") {
				continue // many
			}
			if s.Name == "Papers" && !smallPaper.MatchString(c.Name) {
				continue // large
			}
			w, err := c.New()
			require.NoError(t, err, "%s/%s", s.Name, c.Name)
			require.Positive(t, w.Items)
			if w.Reset != nil {
				w.Reset()
			}
			w.Pass()
			again, err := c.New()
			require.NoError(t, err)
			for unit, value := range w.Figures {
				if !results.Approximate(unit) {
					assert.Equal(t, value, again.Figures[unit], "%s/%s %s, to the last bit", s.Name, c.Name, unit)
				}
			}
		}
	}
}

var smallPaper = regexp.MustCompile(`rt-1.52|rfc2992|jet/members=100|figure=11.*maglev$|updates=1.56.*anchor|jump$`)

// TestMinimal holds what is promised of strategies that move the least.
func TestMinimal(t *testing.T) {
	minimal := []string{"bounded-unlimited", "go-rendezvous", "doublejump"}
	for _, row := range catalog.All() {
		if row.Disruption == 1 {
			minimal = append(minimal, row.Name)
		}
	}
	for _, c := range Changes().Cases(Size{Members: []int{10}, Draws: 1}) {
		s, e := results.Value(c.Name, "strategy"), results.Value(c.Name, "event")
		if !slices.Contains(minimal, s) || e != "add" && e != "remove" && e != "restart" {
			continue
		}
		if s == "doublejump" && results.Value(c.Name, "gone") != "" {
			continue // it moves more where others have left before
		}
		w, err := c.New()
		require.NoError(t, err)
		assert.InDelta(t, 1, w.Figures["disruption-ratio"].Value, 1e-9, c.Name)
	}
}

// TestChosen leaves out what runs on demand, where -only does not name it.
func TestChosen(t *testing.T) {
	always, demand := Suite{Name: "A"}, Suite{Name: "D", OnDemand: "10 members, an hour"}
	for text, want := range map[string][2]bool{
		"": {true, false}, "n=10": {true, false}, "A": {true, false}, "D,n=10": {false, true}, "A,D": {true, true},
	} {
		wanted := results.ParseFilter(text)
		assert.Equal(t, want, [2]bool{always.Chosen(wanted), demand.Chosen(wanted)}, text)
	}
}
