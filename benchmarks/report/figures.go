package main

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
)

// A Figure is a plot with what a reader must know to trust it.
type Figure struct {
	ID      string // its file is ID.svg
	Title   string
	Caption string
	Suites  []string // that it is of
	SVG     string
}

// A drawing makes a figure of results; nil if they have nothing of it.
type drawing struct {
	Figure
	draw func(*results.Run, Figure) (string, error)
}

func drawings() []drawing {
	return []drawing{
		{Figure{ID: "remap-balance", Title: "What a change moves, against how even the load is",
			Suites: []string{"Remap", "Balance"},
			Caption: "100 equal members. Up: moved over forced hashes in a thousand random changes, so that " +
				"places of members count alike; 1 is the least possible. To the right: the standard deviation of " +
				"shares; a random placement of 2^20 hashes has 1 % from sampling alone, so nothing is left of " +
				"that but what is more even than random. The best corner is at the lower left."},
			remapBalance},
		{Figure{ID: "select", Title: "Look-up", Suites: []string{"Select"},
			Caption: "Medians of blocks that took turns, one look-up at a time through the interface; bursts of " +
				"32 where it says so. Other libraries are dashed."}, selectCurve},
		{Figure{ID: "build", Title: "Build", Suites: []string{"Build"},
			Caption: "The time from a list of members to a selector. Medians. Other libraries are dashed."},
			curve("Build", "n", "strategy", "members", "time to build, ns", "ns/op", "Time to build a selector")},
		{Figure{ID: "memory", Title: "Memory of a selector", Suites: []string{"Build"},
			Caption: "What a selector keeps from the garbage collector. Modulo, Threshold and Jump keep less " +
				"than 100 bytes and are not drawn. Other libraries are dashed."},
			curve("Build", "n", "strategy", "members", "held memory, bytes", "held-bytes",
				"Memory that a selector holds")},
		{Figure{ID: "groups", Title: "Many groups", Suites: []string{"Groups"},
			Caption: "Load the snapshot of a random one of many groups of 16 members, and select. With many " +
				"groups the time is that of fetching memory, so small tables win. The number is of table slots."},
			curve("Groups", "groups", "strategy", "groups", "time of a look-up, ns", "ns/op",
				"Look-up in a random one of many groups")},
		{Figure{ID: "group-memory", Title: "Memory of a group", Suites: []string{"Groups"},
			Caption: "All that a group of 16 members holds: its selector, snapshot and slots, a domain's share " +
				"included."},
			curve("Groups", "groups", "strategy", "groups", "memory of a group, bytes", "group-bytes",
				"Memory that a group holds")},
		{Figure{ID: "flowtable-hit", Title: "Established flows", Suites: []string{"FlowTable"},
			Caption: "One packet of an established flow, flows in random order. Medians. Other libraries, " +
				"dashed, take keys of 40 bytes, or digests. ecmp batch32 makes its digests of such keys in the " +
				"time; ecmp digests is given digests, as by a router that hashes for its selector anyway. Chases " +
				"of pointers, dotted, are through as much memory as the table has."},
			flowCurve("op=hit", "ns/op", "time of a packet, ns", "A packet of an established flow")},
		{Figure{ID: "flowtable-insert", Title: "New flows", Suites: []string{"FlowTable"},
			Caption: "The first packet of each flow into an empty table or cache with room for all."},
			flowCurve("op=insert", "ns/op", "time of a packet, ns", "The first packet of a flow")},
		{Figure{ID: "flowtable-memory", Title: "Memory of a flow", Suites: []string{"FlowTable"},
			Caption: "What a table or cache with room for the flows holds, divided by them."},
			flowCurve("op=hit", "flow-bytes", "memory of a flow, bytes", "Memory that a flow takes")},
		{Figure{ID: "scenario-scale-up", Title: "Connections when a member joins ten", Suites: []string{"Scenario"},
			Caption: "Of the connections that lived across the change. recompute-30s is the system of the first " +
				"seed: a flow's member is computed anew after 30 s, active or not. sticky: a flow table with " +
				"that idle timeout; what still breaks paused for longer. Colours are of the policies."},
			scenarioBars("scale-up", "Connections broken when an eleventh member joins")},
		{Figure{ID: "scenario-new-gateway", Title: "Connections that enter at a new gateway",
			Suites: []string{"Scenario"},
			Caption: "A member is replaced, and then half of the connections enter at a gateway that started " +
				"after that. It knows the members, but neither pins nor history; in shared it was given the pins " +
				"of the first one. History-dependent strategies (resilient, anchor, memento) place otherwise " +
				"there."},
			scenarioBars("new-gateway", "Connections broken by a change and a new gateway")},
		{Figure{ID: "hash", Title: "Hashes of flow keys", Suites: []string{"Hash"},
			Caption: "Medians. fastest is hash.Mix, beside the fastest of others; one key at a time, and bursts " +
				"of 32 where the library has them."}, hashBars},
		{Figure{ID: "parse", Title: "Headers of frames", Suites: []string{"Parse"},
			Caption: "Medians. gopacket is its DecodingLayerParser, with layers allocated before. gopacket-lazy, " +
				"some ten times slower than that, is in the table of ratios only."}, parseBars},
		{Figure{ID: "pipeline", Title: "From a frame to its member", Suites: []string{"Pipeline"},
			Caption: "Headers, flow, member, in the engine's own loop with hash.Mix, beside gopacket, otter and " +
				"go-maglev wired the obvious way. Medians of blocks that took turns. Frames lie in memory in " +
				"order or in random places; hit: their flows are known; miss: none is."}, pipelineBars},
	}
}

// drawAll returns the figures that can be drawn of the results.
func drawAll(r *results.Run) (figures []Figure, err error) {
	for _, d := range drawings() {
		f := d.Figure
		if f.SVG, err = d.draw(r, f); err != nil {
			return nil, fmt.Errorf("%s: %w", f.ID, err)
		}
		if f.SVG != "" {
			figures = append(figures, f)
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

// curve draws a unit of a suite over one of its keys, with a line for each
// value of another, and of each other library.
func curve(name, key, line, x, y, unit, title string) func(*results.Run, Figure) (string, error) {
	return func(r *results.Run, _ Figure) (string, error) {
		l := newCollection(r)
		for _, c := range r.Of(name) {
			n, err := strconv.ParseFloat(results.Value(c.Name, key), 64)
			v, ok := value(c, unit)
			if err != nil || !ok || unit == "held-bytes" && v < 100 ||
				results.Value(c.Name, "weights") != "" || results.Value(c.Name, "slots") != "" {
				continue
			}
			impl, strategy := results.Value(c.Name, "impl"), results.Value(c.Name, line)
			if impl == "" || impl == "ecmp" {
				l.add(strategy+where(r, c), strategy, nil, n, v)
			} else {
				l.add(impl, strategy, dashed(), n, v)
			}
		}
		return l.draw(title, x, y)
	}
}

func selectCurve(r *results.Run, _ Figure) (string, error) {
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

func flowCurve(op, unit, y, title string) func(*results.Run, Figure) (string, error) {
	return func(r *results.Run, _ Figure) (string, error) {
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

func scenarioBars(event, title string) func(*results.Run, Figure) (string, error) {
	return func(r *results.Run, _ Figure) (string, error) {
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

func hashBars(r *results.Run, _ Figure) (string, error) {
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

func parseBars(r *results.Run, _ Figure) (string, error) {
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
func remapBalance(r *results.Run, _ Figure) (string, error) {
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
func pipelineBars(r *results.Run, _ Figure) (string, error) {
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
