package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"text/template"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/benchmarks/internal/suite"
)

const root = "../.." // of the repository, from here

func load(t *testing.T) *results.Run {
	t.Helper()
	r, err := results.Load(filepath.Join(root, committed))
	require.NoError(t, err)
	return r
}

// TestDocumentsSayWhatWasMeasured is what holds every number of the documents
// to the results.
func TestDocumentsSayWhatWasMeasured(t *testing.T) {
	found, err := differences(root, load(t))
	require.NoError(t, err)
	assert.Empty(t, found, "go run ./benchmarks/report -pages")
}

// differences returns where documents do not say what a run does, by path.
func differences(root string, r *results.Run) (map[string]string, error) {
	texts, err := renewed(root, r)
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	for path, want := range texts {
		got, err := os.ReadFile(filepath.Join(root, path))
		if err != nil {
			return nil, err
		}
		if d := difference(want, string(got)); d != "" {
			found[path] = d
		}
	}
	return found, nil
}

// difference returns the first line in which texts differ, of both.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(a), len(b)) {
		if i >= len(a) || i >= len(b) || a[i] != b[i] {
			return fmt.Sprintf("line %d: want %.100q, there is %.100q", i+1, strings.Join(a[min(i, len(a)):], "\n"),
				strings.Join(b[min(i, len(b)):], "\n"))
		}
	}
	return ""
}

// TestPagesAreThoseOfTheResults draws the committed page and plots again, and
// writes the results in both forms: whoever edits one by hand is found out.
func TestPagesAreThoseOfTheResults(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, load(t).Save(dir))
	require.NoError(t, writePage(dir, load(t)))
	files, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, files, len(drawings())+3)
	for _, f := range files {
		want, err := os.ReadFile(filepath.Join(dir, f.Name()))
		require.NoError(t, err)
		got, err := os.ReadFile(filepath.Join(root, committed, f.Name()))
		require.NoError(t, err)
		assert.Empty(t, difference(string(want), string(got)), "%s: go run ./benchmarks/report -draw %s",
			f.Name(), committed)
	}
}

// TestCommittedPlacementHolds computes some of the committed figures of
// placement again, to the last bit.
func TestCommittedPlacementHolds(t *testing.T) {
	again := regexp.MustCompile(`^Remap/strategy=(bounded|maglev|jump|anchor)/n=10/` +
		`event=(remove|replace|weight|drain)$|` +
		`^Balance/strategy=(bounded|maglev|jump|anchor)/n=10/weights=equal|` +
		`^Scenario/event=(scale-up|new-gateway)/policy=sticky-350s/strategy=bounded|` +
		`^Slack/.*n=16/(weights=equal$|event=replace)|^Shares/strategy=bounded/|` +
		`^Papers/paper=(rfc2992|rt-1.52|jet/members=100/.*anchor)|` +
		`^Papers/paper=maglev/figure=11/size=small/strategy=(maglev|bounded)$`)
	r, checked, size := load(t), 0, suite.Quick()
	size.Draws, size.Shares = suite.Full().Draws, suite.Full().Shares
	for _, s := range suite.All() {
		if !s.Exact {
			continue
		}
		for _, c := range s.Cases(size) {
			if !again.MatchString(s.Name + "/" + c.Name) {
				continue
			}
			w, err := c.New()
			require.NoError(t, err)
			want, err := r.Find(s.Name + "/" + c.Name)
			require.NoError(t, err)
			assert.Equal(t, want.Figures, w.Figures, c.Name)
			checked++
		}
	}
	assert.Greater(t, checked, 50)
}

// TestCommittedRunIsFull wants of every strategy in the results every case that
// a full run has of it, and of all other cases all. A strategy that nobody has
// measured yet may be missing.
func TestCommittedRunIsFull(t *testing.T) {
	r := load(t)
	assert.False(t, r.Quick)
	known := map[string]bool{}
	for _, s := range suite.All() {
		for _, c := range s.Cases(suite.Full()) {
			name := s.Name + "/" + c.Name
			known[name] = true
			if s.OnDemand != "" && len(r.Of(s.Name)) == 0 {
				continue // nobody has asked for it yet
			}
			if strategy := results.Value(name, "strategy"); strategy != "" && !r.Has("strategy", strategy) {
				continue
			}
			measured, err := r.Find(name)
			require.NoError(t, err)
			if _, timed := measured.Timed(); s.TimeCounts(c.Name) {
				assert.True(t, timed, name)
			}
			if len(measured.NsPerOp) > 0 {
				assert.Len(t, measured.NsPerOp, newPlan(false).Blocks, name)
			}
		}
	}
	once := map[string]bool{}
	for _, c := range r.Cases {
		assert.False(t, once[c.Name], "%s is there twice", c.Name)
		once[c.Name] = true
	}
	for _, c := range r.Of("Pipeline") {
		if results.Value(c.Name, "impl") == "ecmp" {
			assert.Zero(t, c.Figures["allocs/frame"], c.Name)
		}
	}
	for _, c := range r.Cases {
		assert.True(t, known[c.Name], "%s: no suite has it", c.Name)
	}
	for _, o := range r.Origins {
		assert.NotEmpty(t, o.Commit)
		assert.NotEmpty(t, o.CPU)
		assert.NotEmpty(t, o.Date)
	}
	assert.Len(t, r.Main().Modules, 14)
}

// TestNewStrategyBreaksNothing takes a strategy out of the results, as one that
// was added to the catalog is not in them.
func TestNewStrategyBreaksNothing(t *testing.T) {
	const strategy = "multiprobe"
	r := load(t)
	r.Cases = slices.DeleteFunc(r.Cases, func(c results.Case) bool {
		return results.Value(c.Name, "strategy") == strategy
	})
	require.False(t, r.Has("strategy", strategy))
	texts, err := renewed(root, r)
	require.NoError(t, err)
	for path, text := range texts {
		assert.NotContains(t, text, "| "+strategy, path)
	}
	require.NoError(t, writePage(t.TempDir(), r))
	l := newLooks(r)
	for i, name := range names(r, subject.Strategies()) {
		assert.Equal(t, i, l.of(name), "others have the looks that they have without it")
	}
}

// TestLooks wants no two series alike: as many looks as names.
func TestLooks(t *testing.T) {
	l, seen := newLooks(load(t)), map[string]string{}
	for _, d := range drawings() {
		_, err := d.draw(load(t), l)
		require.NoError(t, err)
	}
	require.Greater(t, len(l), 30)
	for name, style := range l {
		look := fmt.Sprintf("%v %T", palette(style), glyph(style))
		assert.Empty(t, seen[look], "%s looks like it", name)
		seen[look] = name
	}
}

// TestDocumentsOfFalseNumbers changes what stands in blocks, in all ways that
// somebody might: the documents as they ought to be are the same again.
func TestDocumentsOfFalseNumbers(t *testing.T) {
	r := load(t)
	want, err := renewed(root, r)
	require.NoError(t, err)
	for path, text := range want {
		name := "documents/" + path
		data, err := documents.ReadFile(name)
		require.NoError(t, err)
		tmpl, err := template.New(path).Funcs(functions(root, r)).Parse(string(data))
		require.NoError(t, err)
		rows := regexp.MustCompile(`(?m)^\|.*\n`)
		for what, change := range map[string]func(block string) string{
			"a digit":        func(b string) string { return regexp.MustCompile(`[0-8]`).ReplaceAllString(b, "9") },
			"no rows":        func(b string) string { return rows.ReplaceAllString(b, "") },
			"a row's name":   func(b string) string { return strings.Replace(b, "\n| ", "\n| x", 1) },
			"nothing":        func(string) string { return "" },
			"something more": func(b string) string { return b + "1.000\n" },
		} {
			blocks := regexp.MustCompile(`(?s)(<!-- begin [^\n]*-->\n)(.*?)(<!-- end )`)
			changed := blocks.ReplaceAllStringFunc(text, func(b string) string {
				m := blocks.FindStringSubmatch(b)
				return m[1] + change(m[2]) + m[3]
			})
			got, err := document(changed, tmpl, r)
			require.NoError(t, err)
			assert.Equal(t, text, got, "%s: %s", path, what)
		}
		if strings.Contains(text, beginBlock) {
			_, err = document(strings.Replace(text, beginBlock, "<!-- ", 1), tmpl, r)
			require.Error(t, err, "%s: a block without its mark", path)
			_, err = document(text+text[strings.Index(text, beginBlock):], tmpl, r)
			require.Error(t, err, "%s: a block twice", path)
			_, err = document(text+beginBlock+"of nothing", tmpl, r)
			require.Error(t, err, "%s: a block that nothing writes", path)
		}
	}
}

// TestTimesOfOtherRuns wants a mark at times that did not take turns with the
// others, and a word about it.
func TestTimesOfOtherRuns(t *testing.T) {
	r := load(t)
	other := r.Main()
	other.CPU = "another CPU"
	r.Origins = append(r.Origins, other)
	for i, c := range r.Cases {
		if results.Value(c.Name, "strategy") == "ring" {
			r.Cases[i].Origin = len(r.Origins) - 1
		}
	}
	texts, err := renewed(root, r)
	require.NoError(t, err)
	mark := fmt.Sprintf("(%d)", len(r.Origins)-1)
	for _, path := range []string{"README.md", "benchmarks/choosing.md"} {
		assert.Contains(t, texts[path], "\n"+mark+" in another run, of another CPU,")
		for line := range strings.Lines(texts[path]) {
			if strings.HasPrefix(line, "| ring") && strings.Contains(line, " ns") {
				assert.Contains(t, line, " ns "+mark)
			} else if strings.HasPrefix(line, "| ") {
				assert.NotContains(t, line, mark)
			}
		}
	}
	figures, err := drawAll(r)
	require.NoError(t, err)
	assert.Contains(t, figures[3].SVG, "ring, on another CPU")
}

func TestListCases(t *testing.T) {
	var out strings.Builder
	require.NoError(t, listCases(&out, results.ParseFilter(""), true))
	for _, s := range suite.All() {
		assert.Contains(t, out.String(), s.Name+" ")
	}
	out.Reset()
	require.NoError(t, listCases(&out, results.ParseFilter("Build,Select,strategy=anchor,n=10"), true))
	assert.Equal(t, 3, strings.Count(out.String(), "\n"), out.String())
}

// TestMeasureInto measures a little, and then less of it anew.
func TestMeasureInto(t *testing.T) {
	dir := t.TempDir()
	require.ErrorContains(t, measureInto(dir, "strategy=none", 0, 0, true, true), "-list")
	require.NoError(t, measureInto(dir, "Shares,n=8,strategy=maglev,strategy=modulo", 0, 0, true, true))
	require.ErrorContains(t, measureInto(dir, "Shares,n=8,strategy=modulo", 1, 0, true, true), "-seeds 0")
	require.NoError(t, measureInto(dir, "Shares,n=8,strategy=modulo", 0, 0, true, true))
	r, err := results.Load(dir)
	require.NoError(t, err)
	require.Len(t, r.Cases, 2)
	require.Len(t, r.Origins, 2)
	assert.Equal(t, "go run ./benchmarks/report -quick -only Shares,n=8,strategy=modulo",
		r.Origins[r.Cases[0].Origin].Command)
	assert.Contains(t, r.Cases[1].Name, "maglev")
	assert.Zero(t, r.Cases[1].Origin)
	assert.NotEmpty(t, r.Main().Commit)
	require.NoError(t, measureInto(dir, "Shares,n=8,strategy=modulo", 0, 0, true, false))
	r, err = results.Load(dir)
	require.NoError(t, err)
	assert.Len(t, r.Cases, 1)
}

// TestOtherParameters measures a strategy with parameters beside its default,
// and has both in a table.
func TestOtherParameters(t *testing.T) {
	const text = "bounded:slots=1024+slack=0.02"
	dir := t.TempDir()
	require.NoError(t, measureInto(dir, "Shares,n=8,strategy=bounded,strategy="+text, 0, 0, true, false))
	r, err := results.Load(dir)
	require.NoError(t, err)
	few, err := r.Value("Shares/strategy="+text+"/n=8/weights=1:2:3:10", "peak-to-mean")
	require.NoError(t, err)
	many, err := r.Value("Shares/strategy=bounded/n=8/weights=1:2:3:10", "peak-to-mean")
	require.NoError(t, err)
	assert.NotEqual(t, many, few)
	rows := sharesTable(r).Rows
	require.Len(t, rows, 2)
	assert.Equal(t, text, rows[1][0])
}

func TestVerdicts(t *testing.T) {
	const (
		ours   = "Select/strategy=maglev/n=100/impl=ecmp/form=batch32"
		theirs = "Select/strategy=maglev/n=100/impl=go-maglev/form=one"
	)
	verdict := func(f results.Figure) verdict {
		r := &results.Run{Cases: []results.Case{
			{Name: ours, Figures: map[string]results.Figure{results.Time: f}},
			{Name: theirs, Figures: map[string]results.Figure{results.Time: {Value: 9, Draws: 3, Least: 2.5}}},
		}}
		list := verdicts(r)
		require.Len(t, list, 1)
		return list[0]
	}
	v := verdict(results.Figure{Value: 2, Draws: 3, Least: 1})
	assert.True(t, v.Kept, "by the least: 2.5 of at least 2.5")
	assert.Equal(t, "2.50", v.Got)
	assert.False(t, verdict(results.Figure{Value: 2, Draws: 3, Least: 1.01}).Kept)

	for _, c := range []struct {
		name string
		unit string
		v    float64
		kept bool
	}{
		{"Pins/what=flood", "kept", 1, true}, {"Pins/what=flood", "kept", .9999, false},
		{"FlowTable/op=upkeep/what=save/flows=1000000/impl=ecmp", results.Time, 10e6, true},
		{"FlowTable/op=upkeep/what=save/flows=1000000/impl=ecmp", results.Time, 10.1e6, false},
	} {
		figures := results.Exact(map[string]float64{c.unit: c.v})
		list := verdicts(&results.Run{Cases: []results.Case{{Name: c.name, Figures: figures}}})
		require.Len(t, list, 1)
		assert.Equal(t, c.kept, list[0].Kept, c)
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1: "1.00", 12.34: "12.3", 1234: "1234", .00123: "0.0012",
		1234567: "1.23e+06"} {
		assert.Equal(t, want, figure(v))
	}
	assert.Equal(t, []string{"1.50 ns", "1.50 µs", "1.50 ms"}, []string{nanoseconds(1.5), nanoseconds(1500),
		nanoseconds(1.5e6)})
	assert.Equal(t, []string{"0 B", "1.00 KiB", "1.50 MiB"}, []string{memory(-3), memory(1024),
		memory(1.5 * (1 << 20))})
	assert.Equal(t, []string{"1.009", "50.2"}, []string{ratio(1.0086), ratio(50.236)})
	for v, want := range map[float64][2]float64{1: {1, 1}, 3: {2, 5}, 70: {50, 100}, .3: {.2, .5}} {
		assert.InDelta(t, want[0], below(v), 1e-12)
		assert.InDelta(t, want[1], above(v), 1e-12)
	}
}

// TestUnknownNames are refused, with those that there are.
func TestUnknownNames(t *testing.T) {
	for text, want := range map[string]string{
		"remap":        `no suite "remap": there are Balance, Build,`,
		"strategy=mag": `no strategy "mag": there are anchor,`,
		"n=12345":      `no n "12345": there are 10, 100,`,
		"colour=red":   `no colour: names of cases have`,

		"strategy=bounded:slts=64": `"slts=64" is no parameter of bounded`,
	} {
		require.ErrorContains(t, known(results.ParseFilter(text)), want)
	}
	for _, text := range []string{"", "Remap", "Pipeline", "Build,strategy=anchor,n=10", "n=10000",
		"strategy=bounded:slots=64+slack=0.1,n=10"} {
		require.NoError(t, known(results.ParseFilter(text)), text)
	}
}

// TestSuiteThatDies is told of, and no more.
func TestSuiteThatDies(t *testing.T) {
	dead := suite.Suite{Name: "Dead", Cases: func(suite.Size) []suite.Case { panic("no table") }}
	_, err := run(newPlan(true), dead)
	require.EqualError(t, err, "Dead: no table")
}
