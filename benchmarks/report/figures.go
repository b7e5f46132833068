package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/sections"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
)

// A Figure is a plot with what a reader must know to trust it.
type Figure struct {
	ID             string // its file is ID.svg
	Title, Caption string
	Suites         []string // that it is of
	SVG            string
}

// A drawing makes a figure of results; "" if they have nothing of it.
type drawing struct {
	id     string
	suites []string
	draw   func(*results.Run) (string, error)
}

//go:embed captions.md
var captions string

func drawings() []drawing {
	return []drawing{
		{"remap-balance", []string{"Remap", "Balance"}, remapBalance},
		{"select", []string{"Select"}, selectCurve},
		{"build", []string{"Build"}, curve("Build", "ns/op", "time to build, ns", "Time to build a selector")},
		{"memory", []string{"Build"},
			curve("Build", "held-bytes", "held memory, bytes", "Memory that a selector holds")},
		{"groups", []string{"Groups"},
			curve("Groups", "ns/op", "time of a look-up, ns", "Look-up in a random one of many groups")},
		{"group-memory", []string{"Groups"},
			curve("Groups", "group-bytes", "memory of a group, bytes", "Memory that a group holds")},
		{"flowtable-hit", []string{"FlowTable"},
			flowCurve("op=hit", "ns/op", "time of a packet, ns", "A packet of an established flow")},
		{"flowtable-insert", []string{"FlowTable"},
			flowCurve("op=insert", "ns/op", "time of a packet, ns", "The first packet of a flow")},
		{"flowtable-memory", []string{"FlowTable"},
			flowCurve("op=hit", "flow-bytes", "memory of a flow, bytes", "Memory that a flow takes")},
		{"scenario-scale-up", []string{"Scenario"},
			scenarioBars("scale-up", "Connections broken when an eleventh member joins")},
		{"scenario-new-gateway", []string{"Scenario"},
			scenarioBars("new-gateway", "Connections broken by a change and a new gateway")},
		{"hash", []string{"Hash"}, hashBars},
		{"parse", []string{"Parse"}, parseBars},
		{"pipeline", []string{"Pipeline"}, pipelineBars},
	}
}

// drawAll returns the figures that can be drawn of the results.
func drawAll(r *results.Run) (figures []Figure, err error) {
	texts := sections.Parse(captions)
	for _, d := range drawings() {
		svg, err := d.draw(r)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d.id, err)
		}
		if svg != "" {
			figures = append(figures, Figure{d.id, texts[d.id][0], texts[d.id][1], d.suites, svg})
		}
	}
	return figures, nil
}

// A collection gathers points for lines.
type collection struct {
	strategies []string // that were measured: each has its colour and shape, on each chart the same
	list       []series
}

func newCollection(r *results.Run) *collection {
	return &collection{strategies: names(r, subject.Strategies())}
}

// add adds a point to the line of that name. like is the strategy whose colour
// and shape it has; none: the next ones.
func (l *collection) add(name, like string, dashes []vg.Length, x, y float64) {
	i := slices.IndexFunc(l.list, func(s series) bool { return s.name == name })
	if i < 0 {
		i = len(l.list)
		style := slices.Index(l.strategies, like)
		if style < 0 {
			style = i
		}
		l.list = append(l.list, series{name: name, style: style, dashes: dashes})
	}
	l.list[i].points = append(l.list[i].points, plotter.XY{X: x, Y: y})
}

func (l *collection) draw(title, x, y string) (string, error) {
	if len(l.list) == 0 {
		return "", nil
	}
	return lines(title, x, y, l.list)
}

// value returns a figure of a case, or its median time.
func value(c results.Case, unit string) (v float64, ok bool) {
	f, ok := c.Figures[unit]
	if unit == results.Time {
		f, ok = c.Timed()
	}
	return f.Value, ok
}

// where is what the name of a line ends with whose points are of another
// machine.
func where(r *results.Run, c results.Case) string {
	if o, ok := r.Elsewhere(c); ok {
		return ", on " + o.CPU
	}
	return ""
}

// curve draws a unit of a suite over its members or groups, with a line for
// each strategy and for each other library.
func curve(name, unit, y, title string) func(*results.Run) (string, error) {
	key, x := "n", "members"
	if name == "Groups" {
		key, x = "groups", "groups"
	}
	return func(r *results.Run) (string, error) {
		l := newCollection(r)
		for _, c := range r.Of(name) {
			n, err := strconv.ParseFloat(results.Value(c.Name, key), 64)
			v, ok := value(c, unit)
			if err != nil || !ok || unit == "held-bytes" && v < 100 ||
				results.Value(c.Name, "weights") != "" || results.Value(c.Name, "slots") != "" {
				continue
			}
			impl, strategy := results.Value(c.Name, "impl"), results.Value(c.Name, "strategy")
			if impl == "" || impl == "ecmp" {
				l.add(strategy+where(r, c), strategy, nil, n, v)
			} else {
				l.add(impl, strategy, dashed(), n, v)
			}
		}
		return l.draw(title, x, y)
	}
}

func selectCurve(r *results.Run) (string, error) {
	l := newCollection(r)
	for _, c := range r.Of("Select") {
		n, err := strconv.ParseFloat(results.Value(c.Name, "n"), 64)
		if err != nil {
			return "", err
		}
		strategy, impl, form := results.Value(c.Name, "strategy"), results.Value(c.Name, "impl"),
			results.Value(c.Name, "form")
		switch {
		case impl != "ecmp":
			l.add(impl, strategy, dashed(), n, c.Median())
		case form == "one":
			l.add(strategy+where(r, c), strategy, nil, n, c.Median())
		case strategy == "bounded", strategy == "anchor":
			l.add(strategy+", bursts", strategy, dotted(), n, c.Median())
		}
	}
	return l.draw("Time of a look-up", "members", "time of a look-up, ns")
}

func flowCurve(op, unit, y, title string) func(*results.Run) (string, error) {
	return func(r *results.Run) (string, error) {
		l := newCollection(r)
		for _, c := range r.Of("FlowTable/" + op) {
			n, err := strconv.ParseFloat(results.Value(c.Name, "flows"), 64)
			v, ok := value(c, unit)
			if err != nil || !ok {
				continue
			}
			impl, form := results.Value(c.Name, "impl"), results.Value(c.Name, "form")
			switch {
			case form == "huge" || form == "sway" || form == "refresh" || form == "cores2":
				continue // at a few sizes only
			case impl == "chase":
				l.add("32 pointer chases", "", dotted(), n, v)
			case impl != "ecmp" && form == "digests":
				l.add(impl+" digests", "", dashed(), n, v)
			case impl != "ecmp":
				l.add(impl, "", dashed(), n, v)
			case unit == "ns/op":
				l.add(impl+" "+form, "", nil, n, v)
			default:
				l.add(impl, "", nil, n, v)
			}
		}
		return l.draw(title, "flows", y)
	}
}

func scenarioBars(event, title string) func(*results.Run) (string, error) {
	return func(r *results.Run) (string, error) {
		policies, at := []string(nil), map[string]int{}
		byStrategy := map[string][]bar{}
		for _, c := range r.Of("Scenario/event=" + event) {
			policy, strategy := results.Value(c.Name, "policy"), results.Value(c.Name, "strategy")
			if _, ok := at[policy]; !ok {
				at[policy] = len(policies)
				policies = append(policies, policy)
			}
			name := ""
			if at[policy] == 0 {
				name = strategy
			}
			broken := 100 * c.Figures["broken-share"].Value
			byStrategy[strategy] = append(byStrategy[strategy], bar{name, at[policy], broken})
		}
		var list []bar
		for _, s := range subject.Strategies() {
			list = append(list, byStrategy[s.Name]...)
		}
		if len(list) == 0 {
			return "", nil
		}
		return bars(title, "connections broken, % of those that lived across it", list, policies)
	}
}

func hashBars(r *results.Run) (string, error) {
	var list []bar
	for _, c := range r.Of("Hash") {
		h, impl, form := results.Value(c.Name, "hash"), results.Value(c.Name, "impl"), results.Value(c.Name, "form")
		group := 0
		switch {
		case impl != "ecmp":
			group = 2
		case form != "one":
			group = 1
		}
		list = append(list, bar{h + ", " + impl + map[bool]string{true: ", bursts"}[form != "one"], group, c.Median()})
	}
	if len(list) == 0 {
		return "", nil
	}
	slices.SortStableFunc(list, func(a, b bar) int { return int(100 * (a.value - b.value)) })
	return bars("Time of a hash of a flow key", "time of a key, ns", list, []string{"ecmp, one by one",
		"ecmp, bursts of 32", "other libraries"})
}

func parseBars(r *results.Run) (string, error) {
	var list []bar
	for _, c := range r.Of("Parse") {
		impl := results.Value(c.Name, "impl")
		group, ok := map[string]int{"ecmp": 0, "gopacket": 1}[impl]
		if ok {
			list = append(list, bar{results.Value(c.Name, "frames") + ", " + impl, group, c.Median()})
		}
	}
	if len(list) == 0 {
		return "", nil
	}
	return bars("Time to parse a frame", "time of a frame, ns", list, []string{"ecmp", "gopacket"})
}

// remapBalance places every strategy between what it moves and how even it is.
func remapBalance(r *results.Run) (string, error) {
	const n = "/n=100/"
	at := map[[2]float64][]string{}
	var order [][2]float64
	for _, c := range r.Of("Remap") {
		if results.Value(c.Name, "event") != "churn" || results.Value(c.Name, "n") != "100" {
			continue
		}
		strategy := results.Value(c.Name, "strategy")
		rms, err := r.Value("Balance/strategy="+strategy+n+"weights=equal", "rms-error")
		if err != nil {
			continue // the run has no such suite
		}
		// Names of spots that touch each other stand together.
		spot := [2]float64{100 * rms, c.Figures["disruption-ratio"].Value}
		for _, near := range order {
			if within(near[0], spot[0], 1.13) && within(near[1], spot[1], 1.09) {
				spot = near
			}
		}
		if at[spot] == nil {
			order = append(order, spot)
		}
		at[spot] = append(at[spot], strategy)
	}
	if len(order) == 0 {
		return "", nil
	}
	var spots []spot
	for _, xy := range order {
		spots = append(spots, spot{name: wrap(at[xy]), group: groupOf(at[xy]), x: xy[0], y: xy[1]})
	}
	return scatter("Disruption against balance, 100 members", "standard deviation of members' shares, %",
		"moved / forced, in 1,000 random changes", spots,
		[]string{"ecmp", "ecmp and others", "others"}, [2]float64{.5, 50}, [2]float64{.5, 200})
}

func within(a, b, factor float64) bool { return a/b < factor && b/a < factor }

// groupOf says whether spots are of ours, of others', or of both.
func groupOf(names []string) int {
	ours, theirs := false, false
	for _, s := range subject.Placements() {
		if slices.Contains(names, s.Name) {
			ours, theirs = ours || !s.Peer, theirs || s.Peer
		}
	}
	switch {
	case ours && theirs:
		return 1
	case theirs:
		return 2
	}
	return 0
}

// wrap writes names in lines of two.
func wrap(names []string) string {
	var lines []string
	for line := range slices.Chunk(names, 2) {
		lines = append(lines, strings.Join(line, ", "))
	}
	return strings.Join(lines, ",\n")
}

// pipelineBars draws the rows of the engine's own hash.
func pipelineBars(r *results.Run) (string, error) {
	var list []bar
	for _, c := range r.Of("Pipeline") {
		if results.Value(c.Name, "hash") != "mix" {
			continue
		}
		name := fmt.Sprintf("%s flows, %s, %s", results.Value(c.Name, "flows"), results.Value(c.Name, "frames"),
			results.Value(c.Name, "path"))
		if results.Value(c.Name, "impl") != "ecmp" {
			list = append(list, bar{"", 1, c.Median()})
			continue
		}
		list = append(list, bar{name, 0, c.Median()})
	}
	if len(list) == 0 {
		return "", nil
	}
	return bars("From a frame to its member", "time of a frame, ns", list,
		[]string{"ecmp", "gopacket, otter, go-maglev"})
}
