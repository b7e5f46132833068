// Package pages holds the programs of the pages beside it: each page does one
// job, and the program that it shows is compiled and run by its test.
package pages

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// Every page is linked from README, and what it shows is a program of fewer
// than 40 lines in the folder of its name, which has a test of its output.
func TestEveryPageShowsItsProgram(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
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
		assert.Contains(t, string(page), "go run ./pages/"+name)
		assert.Contains(t, string(readme), "(pages/"+file+")")
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
