// Package pages holds the programs of the pages beside it: each page does one
// job, and the program that it shows is compiled and run by its test.
package pages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// Every page is linked from README, and what it shows is a program of fewer
// than 40 lines in the folder of its name, which has a test of its output.
func TestEveryPageShowsItsProgram(t *testing.T) {
	readme, err := os.ReadFile("../../README.md")
	require.NoError(t, err)
	files, err := filepath.Glob("*.md")
	require.NoError(t, err)
	folders, err := filepath.Glob("*/main.go")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	require.Len(t, folders, len(files), "a page has no program, or a program no page")
	for _, file := range files {
		name := strings.TrimSuffix(file, ".md")
		page, err := os.ReadFile(file)
		require.NoError(t, err)
		program, err := os.ReadFile(filepath.Join(name, "main.go"))
		require.NoError(t, err)
		if !strings.Contains(string(page), "```go\n"+string(program)+"```\n") {
			assert.Fail(t, "a page is out of date", "%s does not contain %s/main.go", file, name)
		}
		assert.Contains(t, string(page), "go run ./examples/pages/"+name)
		assert.Contains(t, string(readme), "(examples/pages/"+file+")")
		assert.Less(t, strings.Count(string(program), "\n"), 40, "%s is too long", name)
		test, err := os.ReadFile(filepath.Join(name, "main_test.go"))
		require.NoError(t, err)
		_, output, found := strings.Cut(string(test), "// Output:\n")
		require.True(t, found, "%s has no test of its output", name)
		output, _, _ = strings.Cut(output, "}")
		for line := range strings.Lines(output) {
			assert.Contains(t, string(page), strings.TrimPrefix(line, "\t// "), "%s prints something else", name)
		}
	}
}

// The fingerprints tell what Agreeing says that they tell.
func TestFingerprintsTellTheTrapsOfAgreeing(t *testing.T) {
	list := func(s selector.Strategy, hops ...selector.Hop[int]) *selector.View {
		g, err := selector.NewGroup[int](selector.NewDomain(), selector.GroupConfig{Strategy: s})
		require.NoError(t, err)
		snapshot, err := g.Update(hops)
		require.NoError(t, err)
		return snapshot.View()
	}
	hop := func(id string, weight uint32) selector.Hop[int] { return selector.Hop[int]{ID: id, Weight: weight} }
	view := list(selector.Bounded{}, hop("a", 1), hop("b", 1), hop("c", 1))
	want := view.Fingerprint()
	assert.Equal(t, want, list(selector.Bounded{}, hop("c", 1), hop("a", 1), hop("b", 1)).Fingerprint(), "order")
	factor := list(selector.Bounded{}, hop("a", 7), hop("b", 7), hop("c", 7))
	assert.Zero(t, factor.Diff(view).Moved)
	for name, other := range map[string]*selector.View{
		"factor":   factor,
		"name":     list(selector.Bounded{}, hop("a:80", 1), hop("b:80", 1), hop("c:80", 1)),
		"weight":   list(selector.Bounded{}, hop("a", 1), hop("b", 1), hop("c", 2)),
		"missing":  list(selector.Bounded{}, hop("a", 1), hop("b", 1)),
		"drained":  list(selector.Bounded{}, hop("a", 1), hop("b", 1), hop("c", 0)),
		"seed":     list(selector.Bounded{Seed: 1}, hop("a", 1), hop("b", 1), hop("c", 1)),
		"slots":    list(selector.Bounded{Slots: 4096}, hop("a", 1), hop("b", 1), hop("c", 1)),
		"strategy": list(selector.Maglev{}, hop("a", 1), hop("b", 1), hop("c", 1)),
	} {
		assert.NotEqual(t, want, other.Fingerprint(), name)
	}

	// A strategy that keeps a history tells it: here b left and came back.
	g, err := selector.NewGroup[int](selector.NewDomain(), selector.GroupConfig{Strategy: selector.Anchor{Capacity: 8}})
	require.NoError(t, err)
	var last *selector.Snapshot[int]
	for _, hops := range [][]selector.Hop[int]{
		{hop("a", 1), hop("b", 1), hop("c", 1)}, {hop("a", 1), hop("c", 1)}, {hop("c", 1)}, {hop("b", 1), hop("c", 1)},
	} {
		last, err = g.Update(hops)
		require.NoError(t, err)
	}
	fresh := list(selector.Anchor{Capacity: 8}, hop("b", 1), hop("c", 1))
	assert.NotEqual(t, fresh.Fingerprint(), last.Fingerprint())

	policy := hash.Policy{Hasher: hash.XX{Seed: 42}}
	addresses := hash.Policy{Extractor: hash.SrcAddr | hash.DstAddr, Hasher: policy.Hasher}
	assert.NotEqual(t, policy.Fingerprint(), hash.Policy{}.Fingerprint(), "seed of the hash")
	assert.NotEqual(t, policy.Fingerprint(), addresses.Fingerprint(), "fields")
}

// To remove a drained member moves nothing, and to end a drain brings its
// hashes back where the strategy keeps no history, as Draining says.
func TestDrainedMemberOwnsNothing(t *testing.T) {
	for _, row := range catalog.All() {
		group, err := selector.NewGroup[int](selector.NewDomain(), selector.GroupConfig{Strategy: row.Strategy})
		require.NoError(t, err)
		update := func(hops ...selector.Hop[int]) *selector.Snapshot[int] {
			snapshot, err := group.Update(hops)
			require.NoError(t, err)
			return snapshot
		}
		a, b, c, idle := selector.Hop[int]{ID: "a", Weight: 1}, selector.Hop[int]{ID: "b", Weight: 1},
			selector.Hop[int]{ID: "c", Weight: 1}, selector.Hop[int]{ID: "b"}
		before, drained := update(a, b, c), update(a, idle, c)
		require.Positive(t, drained.Diff(before).Moved, row.Name)
		require.Zero(t, update(a, c).Diff(drained).Moved, row.Name)
		s, err := selector.New(row.Strategy, selector.Equal("a", "b", "c"))
		require.NoError(t, err)
		if _, historic := s.(selector.Rebuilder); !historic {
			require.Zero(t, update(a, b, c).Diff(before).Moved, row.Name)
		}
	}
}

// A drain of silent flows ends a pass of Sweep after its deadline, by the loop
// that Draining shows.
func TestDrainEnds(t *testing.T) {
	group, err := selector.NewGroup[int](selector.NewDomain(), selector.GroupConfig{Strategy: selector.Bounded{}})
	require.NoError(t, err)
	table, err := flowcache.NewTable(flowcache.Config{Domain: group.Domain(), Flows: 1000})
	require.NoError(t, err)
	hops := []selector.Hop[int]{{ID: "a", Weight: 1}, {ID: "b", Weight: 1}}
	before, err := group.Update(hops)
	require.NoError(t, err)
	sticky := flowcache.NewSticky(table)
	for n := range uint64(100) {
		for _, flags := range []hash.TCPFlags{hash.SYN, hash.ACK} {
			f := hash.Flow{Hash: n * 0x9e3779b97f4a7c15, Proto: hash.TCP, Flags: flags}
			sticky.Route(flowcache.NewPacket(&f, group.Salt(), 0), before.View(), 0)
		}
	}
	hops[1].Weight = 0
	drained, err := group.Update(hops)
	require.NoError(t, err)
	view := drained.View()
	b, _ := view.Index("b")
	require.Positive(t, table.Pins(view.Slot(b)))
	table.Release(view, b, flowcache.ReleaseConfig{Deadline: time.Minute}, 0)
	now := time.Duration(0)
	for table.Pins(view.Slot(b)) > 0 {
		require.Less(t, now, 2*time.Minute)
		now += time.Second
		table.Sweep(now)
	}
	assert.Greater(t, now, time.Minute, "nobody moves silent flows sooner")
}
