package selector_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"hash/crc32"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

var update = flag.Bool("update", false, "rewrite testdata/placement.golden: a breaking change, see CHANGELOG.md")

// TestPlacementGolden pins the placement of every strategy: equal members,
// parameters and hashes must give the same member in every release, since
// routers of different releases share flows. They compare fingerprints, so
// those are pinned too, with the identities that they digest.
func TestPlacementGolden(t *testing.T) {
	racecheck.OneGoroutine(t)
	var lines []goldenLine
	for _, row := range catalog.All() {
		for _, s := range row.Settings() {
			for _, n := range []int{3, 10, 100, 300} {
				for _, weights := range [][]uint32{{1}, {1, 0, 2}, {3, 10, 0, 1, 2, 1 << 20}} {
					key := fmt.Sprintf("%s %d %v", settingName(s), n, weights)
					lines = append(lines, goldenLine{key, placements(t, row, s, n, weights)})
				}
			}
			lines = append(lines, goldenLine{settingName(s) + " fingerprint", fingerprints(t, s)})
			lines = append(lines, goldenLine{settingName(s) + " views", views(t, row, s)})
		}
	}
	compareGolden(t, lines)
}

// settingName names a strategy and its parameters, as golden files do,
// whatever String says.
func settingName(s selector.Strategy) string {
	v := reflect.ValueOf(s)
	fields := make([]string, v.NumField())
	for i := range fields {
		value := v.Field(i).Interface()
		switch value {
		case selector.Slack(0):
			value = uint32(selector.DefaultSlack)
		case selector.NoSlack:
			value = 0
		case selector.UnlimitedSlack:
			value = "unlimited"
		default:
			if slack, ok := value.(selector.Slack); ok {
				value = uint32(slack)
			}
		}
		fields[i] = fmt.Sprintf("%s:%v", v.Type().Field(i).Name, value)
	}
	return fmt.Sprintf("%T{%s}", s, strings.Join(fields, " "))
}

// A goldenLine is what a golden file holds for a key.
type goldenLine struct{ key, value string }

const goldenFile = "testdata/placement.golden"

// readGolden returns the golden file: comments first, then lines of a key, a
// colon and a value.
func readGolden(t *testing.T) (comments []string, lines []goldenLine) {
	t.Helper()
	text, err := os.ReadFile(goldenFile)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "#") {
			comments = append(comments, line)
			continue
		}
		at := strings.LastIndex(line, ":")
		lines = append(lines, goldenLine{line[:at], line[at+1:]})
	}
	return comments, lines
}

// compareGolden reports the lines that differ from the golden file, five of
// them in full, and the settings that have no line there. With -update it
// writes the file: old lines keep their place, new ones follow.
func compareGolden(t *testing.T, got []goldenLine) {
	t.Helper()
	comments, want := readGolden(t)
	computed := map[string]string{}
	for _, line := range got {
		computed[line.key] = line.value
	}
	written, differ := comments, 0
	for i, line := range want {
		value, ok := computed[line.key]
		delete(computed, line.key)
		if ok && (*update || value == line.value) {
			written = append(written, line.key+":"+value)
			continue
		}
		if differ++; differ > 5 || *update {
			continue
		}
		at := fmt.Sprintf("selector/%s:%d: %s", goldenFile, len(comments)+i+1, line.key)
		if ok {
			t.Errorf("%s: placement is a contract between routers\n  want%s\n  got %s", at, line.value, value)
		} else {
			t.Errorf("%s is no setting in internal/catalog/catalog.go", at)
		}
	}
	if differ > 5 && !*update {
		t.Errorf("and %d more lines of selector/%s", differ-5, goldenFile)
	}
	missing := map[string]bool{}
	for _, line := range got {
		if value, ok := computed[line.key]; ok {
			written = append(written, line.key+":"+value)
			missing[line.key[:strings.Index(line.key, "}")+1]] = true
		}
	}
	if *update {
		require.NoError(t, os.WriteFile(goldenFile, []byte(strings.Join(written, "\n")+"\n"), 0o644))
		return
	}
	for _, setting := range slices.Sorted(maps.Keys(missing)) {
		t.Errorf("selector/%s has no line of %s: run go test ./selector -update", goldenFile, setting)
	}
}

func placements(t *testing.T, row catalog.Row, s selector.Strategy, n int, weights []uint32) string {
	group := make([]selector.Member, n)
	for i := range group {
		group[i] = selector.Member{ID: fmt.Sprintf("10.0.%d.1", i*7%n), Weight: weights[i%len(weights)]}
	}
	group = row.Level(group)
	built := build(t, s, group)
	line := placementLine(built)
	if _, ok := built.(selector.Rebuilder); !ok {
		return line
	}
	// The history of a Rebuilder: every third member leaves, some join, one
	// comes back with the weight of another.
	var fewer []selector.Member
	for i, m := range group {
		if i%3 != 1 {
			fewer = append(fewer, m)
		}
	}
	after := rebuild(t, built, group, fewer)
	more := append([]selector.Member{group[1]}, fewer...)
	more[0].Weight = group[0].Weight
	for i := range n/5 + 1 {
		more = append(more, selector.Member{ID: fmt.Sprint("new", i), Weight: group[0].Weight})
	}
	after = rebuild(t, after, fewer, more)
	return line + " later" + placementLine(after)
}

// fingerprints returns the fingerprint of a group of three members, the one
// after a history of two changes, and the identity of the strategy.
func fingerprints(t *testing.T, s selector.Strategy) string {
	g := newGroup(t, nil, selector.GroupConfig{Strategy: s})
	line := fmt.Sprintf(" %016x", mustUpdate(t, g, selector.Equal("a", "b", "c")...).View().Fingerprint())
	mustUpdate(t, g, selector.Equal("b", "c")...)
	line += fmt.Sprintf(" %016x", mustUpdate(t, g, selector.Equal("b", "c", "d")...).View().Fingerprint())
	return line + " " + selector.Identity(s)
}

func placementLine(built selector.Selector) string {
	line, digest := "", crc32.NewIEEE()
	add := func(m int32) { _, _ = digest.Write(binary.LittleEndian.AppendUint16(nil, uint16(m))) }
	for i := range uint64(10_000) {
		m := built.Select(goldenHash(i))
		if i < 20 {
			line += fmt.Sprint(" ", m)
		}
		add(m)
	}
	line += fmt.Sprintf(" %08x", digest.Sum32())
	if table, ok := built.(selector.Tabled); ok {
		digest.Reset()
		for slot := range table.Slots() {
			add(table.Owner(slot))
		}
		line += fmt.Sprintf(" table %08x", digest.Sum32())
	}
	if ranker, ok := built.(selector.Ranker); ok {
		digest.Reset()
		for i := range uint64(500) {
			add(ranker.Next(goldenHash(i), ranker.Select(goldenHash(i))))
		}
		line += fmt.Sprintf(" next %08x", digest.Sum32())
	}
	return line
}

// goldenHash returns fixed hashes: of 64 bits, and at odd i of 32 bits in the
// high half.
func goldenHash(i uint64) uint64 {
	h := (i + 1) * 0x9e3779b97f4a7c15
	h = (h ^ h>>32) * 0xd6e8feb86659fd93
	if i%2 == 1 {
		return h >> 32 << 32
	}
	return h
}
