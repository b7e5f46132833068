package main

import (
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestFalsifications draws falsehoods of every kind, one at a time, in what
// every document has of the results, and wants each to be found.
func TestFalsifications(t *testing.T) {
	r := load(t)
	pages, err := renewed(root, r)
	require.NoError(t, err)
	dir := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(dir, committed, "programs"),
		os.DirFS(filepath.Join(root, committed, "programs"))))
	write := func(path, text string) {
		path = filepath.Join(dir, path)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	}
	var rows []string // of all tables
	for _, path := range slices.Sorted(maps.Keys(pages)) {
		write(path, pages[path])
		rows = append(rows, rowsIn(generated(pages[path]))...)
	}
	found, err := differences(dir, r)
	require.NoError(t, err)
	require.Empty(t, found)

	random := rand.New(rand.NewPCG(14, 6))
	for _, path := range slices.Sorted(maps.Keys(pages)) {
		kinds := falsehoods(random, rows)
		for _, kind := range slices.Sorted(maps.Keys(kinds)) {
			falsify, tried := kinds[kind], 0
			for range 3 {
				text := pages[path]
				span := generated(text)
				at := strings.Index(text, span)
				changed := falsify(span)
				if changed == span {
					continue // it has no such thing
				}
				falsified := text[:at] + changed + text[at+len(span):]
				write(path, falsified)
				want, err := renewedOne(dir, path, r)
				require.NoError(t, err, "%s: %s: a falsehood leaves the marks of blocks alone", path, kind)
				found := difference(want, falsified)
				assert.NotEmpty(t, found, "%s: %s", path, kind)
				tried++
				t.Logf("%s: %s: %.160s", path, kind, found)
				write(path, text)
			}
			assert.Positive(t, tried, "%s: %s: there is no place for it", path, kind)
		}
	}
}

// generated returns what a document has from its first generated block to the
// end of the last, or all of it.
func generated(text string) string {
	begin, end := strings.Index(text, beginBlock), strings.LastIndex(text, "<!-- end ")
	if begin < 0 {
		return text
	}
	return text[begin:end]
}

var (
	tableRow = regexp.MustCompile(`(?m)^\| ?[^-\n|][^\n]*\n`)
	block    = regexp.MustCompile(`(?s)<!-- begin [^\n]*-->\n(.*?)<!-- end `)
)

// rowsIn returns the rows of tables in generated blocks.
func rowsIn(text string) (rows []string) {
	for _, span := range spans(text) {
		rows = append(rows, tableRow.FindAllString(text[span[0]:span[1]], -1)...)
	}
	return rows
}

// spans returns where generated text is.
func spans(text string) (list [][2]int) {
	for _, m := range block.FindAllStringSubmatchIndex(text+"<!-- end ", -1) {
		list = append(list, [2]int{m[2], m[3]})
	}
	if len(list) == 0 {
		return [][2]int{{0, len(text)}}
	}
	return list
}

// falsehoods returns what somebody might do to the generated text of a page,
// each at a random place.
func falsehoods(random *rand.Rand, others []string) map[string]func(text string) string {
	// at changes one match of a pattern in a random block that has any.
	at := func(pattern string, change func(found string) string) func(string) string {
		p := regexp.MustCompile(pattern)
		return func(text string) string {
			var places [][]int
			for _, s := range spans(text) {
				for _, m := range p.FindAllStringIndex(text[s[0]:s[1]], -1) {
					places = append(places, []int{s[0] + m[0], s[0] + m[1]})
				}
			}
			if len(places) == 0 {
				return text
			}
			m := places[random.IntN(len(places))]
			return text[:m[0]] + change(text[m[0]:m[1]]) + text[m[1]:]
		}
	}
	row := tableRow.String()
	return map[string]func(string) string{
		"a row deleted": at(row, func(string) string { return "" }),
		"a row twice":   at(row, func(r string) string { return r + r }),
		"a row relabelled": at(`(?m)^\| ?[^-\n|]`, func(label string) string {
			return strings.TrimRight(label, " ") + "0"
		}),
		"a row of another table": at(row, func(r string) string {
			for {
				if other := others[random.IntN(len(others))]; other != r {
					return other
				}
			}
		}),
		"cells swapped": at(`(?m)^\|[^-\n][^\n]*\n`, func(r string) string {
			cells := strings.Split(r, "|")
			i, j := 1+random.IntN(len(cells)-2), 1+random.IntN(len(cells)-2)
			cells[i], cells[j] = cells[j], cells[i]
			return strings.Join(cells, "|")
		}),
		"another digit": at(`[0-9]`, func(d string) string {
			return string('0' + (d[0]-'0'+1+byte(random.IntN(9)))%10)
		}),
	}
}

// TestMeasuredFiguresAreGenerated wants none that was written by hand, which no
// test could hold.
func TestMeasuredFiguresAreGenerated(t *testing.T) {
	pages, err := renewed(root, load(t))
	require.NoError(t, err)
	figures := regexp.MustCompile(`[0-9.]+ (ns|µs|ms|%|KiB|MiB|times as)`)
	settings := []string{"25 ms", "25 %", "95 %", "128 KiB"} // of the report itself
	for path, text := range pages {
		if !strings.Contains(text, beginBlock) {
			continue // all of it is generated
		}
		byHand := block.ReplaceAllString(text, "")
		for _, figure := range figures.FindAllString(byHand, -1) {
			assert.Contains(t, settings, figure, path)
		}
	}
}
