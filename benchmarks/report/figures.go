package main

import (
	"cmp"
	_ "embed"
	"fmt"
	"slices"
	"strconv"

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
	draw   func(*results.Run, looks) (string, error)
}

//go:embed captions.md
var captions string

func drawings() []drawing {
	return []drawing{
		{"remap-balance", []string{"Remap", "Balance"}, remapBalance},
		{"remap-cost", []string{"Remap", "Select"}, remapCost},
		{"slack", []string{"Slack"}, slackTrade},
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
			scenarioDots("scale-up", "Connections broken when an eleventh member joins")},
		{"scenario-new-gateway", []string{"Scenario"},
			scenarioDots("new-gateway", "Connections broken by a change and a new gateway")},
		{"hash", []string{"Hash"}, hashBars},
		{"parse", []string{"Parse"}, parseBars},
		{"pipeline", []string{"Pipeline"}, pipelineBars},
	}
}

// drawAll returns the figures that can be drawn of the results.
func drawAll(r *results.Run) (figures []Figure, err error) {
	texts, l := sections.Parse(captions), newLooks(r)
	for _, d := range drawings() {
		svg, err := d.draw(r, l)
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
	looks looks
	list  []series
}

// add adds a point to the line of that name.
func (l *collection) add(name string, dashes []vg.Length, x float64, y results.Figure) {
	i := slices.IndexFunc(l.list, func(s series) bool { return s.name == name })
	if i < 0 {
		i = len(l.list)
		l.list = append(l.list, series{name: name, style: l.looks.of(name), dashes: dashes})
	}
	l.list[i].points.add(results.Figure{Value: x}, y)
}

func (l *collection) draw(title, x, y string) (string, error) {
	if len(l.list) == 0 {
		return "", nil
	}
	return lines(title, x, y, l.list)
}

// value returns a figure of a case, or its time.
func value(c results.Case, unit string) (f results.Figure, ok bool) {
	if unit == results.Time {
		return c.Timed()
	}
	f, ok = c.Figures[unit]
	return f, ok
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
func curve(name, unit, y, title string) func(*results.Run, looks) (string, error) {
	key, x := "n", "members"
	if name == "Groups" {
		key, x = "groups", "groups"
	}
	return func(r *results.Run, looks looks) (string, error) {
		l := &collection{looks: looks}
		for _, c := range r.Of(name) {
			n, err := strconv.ParseFloat(results.Value(c.Name, key), 64)
			v, ok := value(c, unit)
			if err != nil || !ok || unit == "held-bytes" && v.Value < 100 ||
				results.Value(c.Name, "weights") != "" || results.Value(c.Name, "slots") != "" {
				continue
			}
			impl, strategy := results.Value(c.Name, "impl"), results.Value(c.Name, "strategy")
			switch impl {
			case "", "ecmp":
				l.add(strategy+where(r, c), nil, n, v)
			case "own":
				l.add(strategy+" (yours)", nil, n, v)
			default:
				l.add(impl, dashed(), n, v)
			}
		}
		return l.draw(title, x, y)
	}
}

func selectCurve(r *results.Run, looks looks) (string, error) {
	l := &collection{looks: looks}
	for _, c := range r.Of("Select") {
		n, err := strconv.ParseFloat(results.Value(c.Name, "n"), 64)
		if err != nil {
			return "", err
		}
		strategy, impl, form := results.Value(c.Name, "strategy"), results.Value(c.Name, "impl"),
			results.Value(c.Name, "form")
		v, _ := c.Timed()
		switch {
		case results.Value(c.Name, "keys") != "" || results.Value(c.Name, "gone") != "":
			continue // at one size only
		case impl == "own" && form == "one":
			l.add(strategy+" (yours)", nil, n, v)
		case impl == "own":
		case impl != "ecmp":
			l.add(impl, dashed(), n, v)
		case form == "one":
			l.add(strategy+where(r, c), nil, n, v)
		case strategy == "bounded", strategy == "anchor":
			l.add(strategy+", bursts", dotted(), n, v)
		}
	}
	return l.draw("Time of a look-up", "members", "time of a look-up, ns")
}

func flowCurve(op, unit, y, title string) func(*results.Run, looks) (string, error) {
	return func(r *results.Run, looks looks) (string, error) {
		l := &collection{looks: looks}
		for _, c := range r.Of("FlowTable/" + op) {
			n, err := strconv.ParseFloat(results.Value(c.Name, "flows"), 64)
			v, ok := value(c, unit)
			if err != nil || !ok || results.Value(c.Name, "key") != "" {
				continue
			}
			impl, form := results.Value(c.Name, "impl"), results.Value(c.Name, "form")
			switch {
			case form == "huge" || form == "sway" || form == "refresh" || form == "cores2":
				continue // at a few sizes only
			case impl == "chase":
				l.add("32 pointer chases", dotted(), n, v)
			case impl != "ecmp" && form == "digests":
				l.add(impl+" digests", dashed(), n, v)
			case impl != "ecmp":
				l.add(impl, dashed(), n, v)
			case unit == "ns/op":
				l.add(impl+" "+form, nil, n, v)
			default:
				l.add(impl, nil, n, v)
			}
		}
		return l.draw(title, "flows", y)
	}
}

// scenarioDots draws a row for each strategy, with a mark for each policy.
func scenarioDots(event, title string) func(*results.Run, looks) (string, error) {
	return func(r *results.Run, looks looks) (string, error) {
		var rows []row
		for _, s := range subject.Strategies() {
			w := row{name: rowName(s)}
			for _, c := range r.Of("Scenario/event=" + event) {
				if results.Value(c.Name, "strategy") != s.Name {
					continue
				}
				policy, f := results.Value(c.Name, "policy"), c.Figures["broken-share"]
				w.marks = append(w.marks, mark{policy, looks.of("policy " + policy),
					results.Figure{Value: 100 * f.Value, Interval: 100 * f.Interval}})
			}
			if len(w.marks) > 0 {
				rows = append(rows, w)
			}
		}
		if len(rows) == 0 {
			return "", nil
		}
		return dots(title, "broken, % of those that lived across it (logarithmic; left edge: none)", rows,
			[2]float64{.02, 100})
	}
}

func hashBars(r *results.Run, _ looks) (string, error) {
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
		list = append(list, bar{h + ", " + impl + map[bool]string{true: ", bursts"}[form != "one"], group, times(c)})
	}
	if len(list) == 0 {
		return "", nil
	}
	slices.SortStableFunc(list, func(a, b bar) int { return cmp.Compare(a.value.Value, b.value.Value) })
	return bars("Time of a hash of a flow key", "time of a key, ns", list,
		[]group{{"ecmp, one by one", ours().colour}, ourBursts(), others()})
}

// times is the time of a case.
func times(c results.Case) results.Figure {
	f, _ := c.Timed()
	return f
}

func parseBars(r *results.Run, _ looks) (string, error) {
	var list []bar
	for _, c := range r.Of("Parse") {
		impl := results.Value(c.Name, "impl")
		group, ok := map[string]int{"ecmp": 0, "gopacket": 1}[impl]
		if ok {
			list = append(list, bar{results.Value(c.Name, "frames") + ", " + impl, group, times(c)})
		}
	}
	if len(list) == 0 {
		return "", nil
	}
	return bars("Time to parse a frame", "time of a frame, ns", list, []group{ours(), {"gopacket", others().colour}})
}

// pipelineBars draws frames of known flows.
func pipelineBars(r *results.Run, _ looks) (string, error) {
	groups := []group{ours()}
	var list []bar
	for _, c := range r.Of("Pipeline") {
		impl := results.Value(c.Name, "impl")
		if results.Value(c.Name, "path") != "hit" || results.Value(c.Name, "form") == "xx" {
			continue
		}
		if impl == "ecmp" {
			name := fmt.Sprintf("%s flows, %s", results.Value(c.Name, "flows"), results.Value(c.Name, "frames"))
			list = append(list, bar{name, 0, times(c)})
			continue
		}
		at := slices.IndexFunc(groups, func(g group) bool { return g.name == impl })
		if at < 0 {
			at = len(groups)
			groups = append(groups, group{impl, at})
		}
		list = append(list, bar{"", at, times(c)})
	}
	if len(list) == 0 {
		return "", nil
	}
	return bars("From a frame to its member", "time of a frame, ns", list, groups)
}
